"""What a real gate answers on its store's socket."""

import asyncio
import sqlite3
import ssl
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from sipgate.app.owner_commands import NETWORK_COUNTS
from sipgate.app.process import serve
from sipgate.config import load_config
from sipgate.ledger import ActEntry, LedgerReader
from sipgate.store import NoOwner, OwnerClient, RequestError
from tests.net.authority import Authority

CONFIG = """\
[gate]
policy = "policy.yaml"
[[listen]]
address = "127.0.0.1:0"
[[source]]
name = "hq"
match = ["10.1.0.0/16"]
[[upstream]]
name = "carrier"
targets = ["callee"]
"""


async def ask(folder: Path, op: str, **args: Any) -> dict[str, Any]:
    """The answer of a gate that runs for just this question."""
    config = load_config(folder / "sipgate.toml", {})
    client = OwnerClient(config.gate.store_path)
    gate = asyncio.create_task(serve(config))
    try:
        async with asyncio.timeout(30):
            while True:
                try:
                    answer = await asyncio.to_thread(client.request, op, **args)
                except (NoOwner, RequestError) as error:
                    if isinstance(error, RequestError) and "still starting" not in str(error):
                        raise
                    await asyncio.sleep(0.02)
                else:
                    return answer
    finally:
        gate.cancel()
        await asyncio.wait([gate])


def test_status_has_the_networks_counters_too(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("policy: test\nrevision: 1\nrules: []\n")
    (tmp_path / "sipgate.toml").write_text(CONFIG)

    answer = asyncio.run(ask(tmp_path, "status"))

    assert answer["network"] == dict.fromkeys(NETWORK_COUNTS, 0)
    assert answer.keys() == {
        "counts",
        "network",
        "calls",
        "phones",
        "transactions",
        "durable_seq",
        "ready",
        "draining",
        "overloaded",
        "targets",
    }
    [target] = answer["targets"]
    assert (target["upstream"], target["alive"]) == ("carrier", True)


def order(folder: Path, text: str) -> dict[str, Any]:
    (folder / "policy.yaml").write_text("policy: test\nrevision: 1\nrules: []\n")
    (folder / "sipgate.toml").write_text(CONFIG)
    (folder / "crm.csv").write_text(text)
    return {
        "file": str(folder / "crm.csv"),
        "rejects": str(folder / "bad.csv"),
        "region": "US",
        "by": "ann",
    }


def test_consents_that_are_imported_and_revoked_are_there_after_a_restart(tmp_path: Path) -> None:
    crm = order(tmp_path, "callee,purpose,granted\n3055550123,x,2026-01-01\n")
    imported = asyncio.run(ask(tmp_path, "consent-import", **crm))

    again = asyncio.run(ask(tmp_path, "consent-import", **crm))
    revocation = {"callee": "3055550123", "purpose": "x", "reason": "y", "by": "ann"}
    revoked = asyncio.run(ask(tmp_path, "consent-revoke", region="US", **revocation))
    ended_before = asyncio.run(ask(tmp_path, "consent-revoke", region="US", **revocation))

    assert (imported["added"], imported["known"]) == (1, 0)
    assert (again["added"], again["known"]) == (0, 1)
    assert (revoked["ended"], ended_before["ended"]) == (1, 0)
    with LedgerReader(tmp_path / "var/sipgate.db") as reader:
        kinds = [entry.kind for entry in reader.entries() if isinstance(entry, ActEntry)]
    assert [kind for kind in kinds if kind.startswith("consent")] == [
        *("consents-imported", "consents-imported"),
        *("consent-revoked", "consent-revoked"),
    ]


@pytest.mark.parametrize(
    ("op", "args", "told"),
    [
        ("consent-import", {"file": "crm.csv"}, "consent-import: expected an absolute path"),
        ("consent-import", {"columns": {"x": "y"}}, '"y" is no field'),
        ("consent-import", {"file": "/nowhere/crm.csv"}, "there is no such file"),
        ("consent-import", {"rejects": "/nowhere/bad.csv"}, "No such file or directory"),
        ("consent-revoke", {}, "consent-revoke: Object missing required field"),
    ],
)
def test_an_order_that_cannot_be_carried_out_is_refused(
    tmp_path: Path, op: str, args: dict[str, str], told: str
) -> None:
    crm = order(tmp_path, "callee,purpose,granted\nAnn,x,2026-01-01\n")

    with pytest.raises(RequestError, match=told):
        asyncio.run(ask(tmp_path, op, **{**crm, **args}))


TRUST = (
    "policy: test\nrevision: 1\nrules:\n"
    "- {id: suspended, trust: {per: caller, below: 50}, then: reject}\n"
)


def test_a_suspended_caller_is_one_after_a_restart_until_he_is_reset(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(TRUST)
    (tmp_path / "sipgate.toml").write_text(CONFIG)

    def standing() -> dict[str, Any]:
        [row] = asyncio.run(ask(tmp_path, "caller-show", caller="hq/4711"))["rules"]
        return dict(row)

    told = {"caller": "hq/4711", "reason": "complaint", "by": "root"}
    usual = {"rule": "suspended", "kind": "trust", "below": 50}
    answer = asyncio.run(ask(tmp_path, "caller-suspend", seconds=3600, **told))
    assert standing() == usual | {"standing": 0, "overruled": "suspended"}
    asyncio.run(ask(tmp_path, "caller-reset", **told))
    assert standing() == usual | {"standing": 100}

    with LedgerReader(load_config(tmp_path / "sipgate.toml", {}).gate.store_path) as reader:
        acts = [one for one in reader.entries() if isinstance(one, ActEntry)]
    suspended, reset = [one for one in acts if one.kind.startswith("caller-")]
    assert (suspended.kind, suspended.by) == ("caller-suspended", "root")
    assert suspended.detail == {
        "caller": "hq/4711",
        "reason": "complaint",
        "until_us": round(answer["until"] * 1_000_000),
    }
    assert (reset.kind, reset.detail) == (
        "caller-reset",
        {"caller": "hq/4711", "reason": "complaint"},
    )


@pytest.mark.parametrize(
    ("policy", "seconds", "said"),
    [
        ("policy: test\nrevision: 1\nrules: []\n", 60, "no rule of the policy judges callers"),
        (TRUST, 30 * 86_400, "at most 632250 s: so far a start reads the record back"),
        (TRUST, 0, "at most"),
    ],
    ids=["nobody judges", "for longer than the record is read", "for no time"],
)
def test_what_cannot_be_kept_is_not_promised(
    tmp_path: Path, policy: str, seconds: int, said: str
) -> None:
    (tmp_path / "policy.yaml").write_text(policy)
    (tmp_path / "sipgate.toml").write_text(CONFIG)
    with pytest.raises(RequestError, match=said):
        asyncio.run(ask(tmp_path, "caller-exempt", caller="hq/1", seconds=seconds, reason="x"))


def test_a_reload_that_fails_at_the_lists_leaves_policy_and_certificates_too(
    tmp_path: Path,
) -> None:
    old, new = Authority(tmp_path), Authority(tmp_path, "new")
    certificate = old.issue("localhost")
    (tmp_path / "policy.yaml").write_text("policy: old\nrevision: 1\nrules: []\n")
    shown = f'address = "127.0.0.1:0"\ntransport = "tls"\ncertificate-file = "{certificate}"'
    (tmp_path / "sipgate.toml").write_text(CONFIG.replace('address = "127.0.0.1:0"', shown))
    config = load_config(tmp_path / "sipgate.toml", {})
    client = OwnerClient(config.gate.store_path)

    def rename(before: str, after: str) -> None:
        with closing(sqlite3.connect(config.gate.store_path)) as store:
            store.execute(f"ALTER TABLE {before} RENAME TO {after}")

    async def is_shown(authority: Authority, port: int) -> bool:
        context = ssl.create_default_context(cafile=str(authority.file))
        try:
            _, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, server_hostname="localhost"
            )
        except ssl.SSLError:
            return False
        writer.close()
        return True

    async def scenario() -> None:
        gate = asyncio.create_task(serve(config))
        try:
            async with asyncio.timeout(30):
                while not (  # noqa: ASYNC110
                    started := [one for one in logs if one["event"] == "gate_started"]
                ):
                    await asyncio.sleep(0.02)
                port = int(started[0]["listens"][0].rpartition(":")[2])
                (tmp_path / "policy.yaml").write_text("policy: new\nrevision: 2\nrules: []\n")
                certificate.write_bytes(new.issue("localhost").read_bytes())
                rename("list_version", "lost")
                with pytest.raises(RequestError):
                    await asyncio.to_thread(client.request, "reload")
                assert await is_shown(old, port)
                assert not await is_shown(new, port)
                assert "policy_loaded" not in [one["event"] for one in logs]
                rename("lost", "list_version")
                answer = await asyncio.to_thread(client.request, "reload")
                assert (answer["policy"], answer["revision"]) == ("new", "2")
                assert await is_shown(new, port)
        finally:
            gate.cancel()
            await asyncio.wait([gate])

    with capture_logs() as logs:
        asyncio.run(scenario())
