"""What a real gate answers on its store's socket."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sipgate.app.owner_commands import NETWORK_COUNTS
from sipgate.app.process import serve
from sipgate.config import load_config
from sipgate.ledger import ActEntry, LedgerReader
from sipgate.store import NoOwner, OwnerClient, RequestError

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
