"""`sipgate check` and `sipgate policy check`."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import RunCommand
from .running_gate import running_gate


def change(folder: Path, old: str, new: str) -> None:
    path = folder / "sipgate.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def udp_port() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken


@pytest.mark.usefixtures("folder")
def test_what_is_right_is_said_to_be_fine(sipgate: RunCommand) -> None:
    ran = sipgate("check", "--strict")

    assert (ran.exit_code, ran.err) == (0, "")
    assert ran.out.startswith("sipgate.toml: fine. Policy test, revision 7, sha256 ")


def test_checking_starts_and_makes_nothing(sipgate: RunCommand, folder: Path) -> None:
    sipgate("check")

    assert sorted(path.name for path in folder.iterdir()) == ["policy.yaml", "sipgate.toml"]


def test_a_mistake_in_the_policy_exits_with_2(sipgate: RunCommand, folder: Path) -> None:
    path = folder / "policy.yaml"
    path.write_text(path.read_text().replace("reject: 403", "reject: 503"))

    ran = sipgate("check")

    assert ran.exit_code == 2
    assert ran.err.startswith(f"{folder}/policy.yaml:6:")


def test_a_policy_that_is_missing_exits_with_2(sipgate: RunCommand, folder: Path) -> None:
    (folder / "policy.yaml").unlink()

    ran = sipgate("check")

    assert ran.exit_code == 2
    assert "sipgate.toml:2:10: there is no file" in ran.err


def test_a_mistake_in_the_callees_plan_exits_with_2(sipgate: RunCommand, folder: Path) -> None:
    (folder / "plan.yaml").write_text("others: {do: sing}\n")
    change(folder, 'targets = ["callee"]', 'targets = ["callee"]\nplan = "plan.yaml"')

    ran = sipgate("check")

    assert ran.exit_code == 2
    assert f"{folder}/plan.yaml:1" in ran.err


@pytest.mark.parametrize(
    ("name", "raw", "text"),
    [
        ("var/sipgate.key", b"", "var/sipgate.key: 0 bytes are no key"),
        ("var/sipgate.db", b"something else", "var/sipgate.db: no SQLite database"),
        ("var", b"", "var/sipgate.db: can't be made: a folder of its path is a file"),
        ("var/sipgate.db/x", b"", "var/sipgate.db: can't be read: Is a directory"),
    ],
    ids=["empty key", "another file", "file for folder", "folder for file"],
)
def test_a_store_or_key_that_can_not_be_one_exits_with_2(
    sipgate: RunCommand, folder: Path, name: str, raw: bytes, text: str
) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(raw)

    ran = sipgate("check")

    assert ran.exit_code == 2
    assert f"{folder}/{text}" in ran.err


@pytest.mark.parametrize(("words", "code"), [([], 0), (["--strict"], 1)], ids=["usual", "strict"])
def test_a_port_in_use_is_a_warning(
    sipgate: RunCommand, folder: Path, udp_port: socket.socket, words: list[str], code: int
) -> None:
    port = udp_port.getsockname()[1]
    change(folder, "127.0.0.1:0", f"127.0.0.1:{port}")

    ran = sipgate("check", *words)

    assert ran.exit_code == code
    assert ran.err == f"warning: udp 127.0.0.1:{port} is in use by another program\n"


def test_the_ports_of_the_running_gate_are_no_warning(
    sipgate: RunCommand, folder: Path, store: Path, udp_port: socket.socket
) -> None:
    change(folder, "127.0.0.1:0", f"127.0.0.1:{udp_port.getsockname()[1]}")

    with running_gate(store, {}):
        assert sipgate("check", "--strict").exit_code == 0


def test_an_upstream_that_does_not_answer_is_a_warning(
    sipgate: RunCommand, folder: Path, udp_port: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sipgate.cli.preflight.RESEND_SECONDS", 0.02)
    port = udp_port.getsockname()[1]
    change(folder, '"callee"', f'"sip:127.0.0.1:{port}"')

    ran = sipgate("check")

    assert ran.exit_code == 0
    assert f"upstream carrier: sip:127.0.0.1:{port} doesn't answer" in ran.err


def test_an_upstream_that_answers_is_fine(
    sipgate: RunCommand, folder: Path, udp_port: socket.socket
) -> None:
    def answer() -> None:
        request, address = udp_port.recvfrom(65535)
        assert request.startswith(b"OPTIONS sip:127.0.0.1:")
        udp_port.sendto(b"SIP/2.0 200 OK\r\n\r\n", address)

    change(folder, '"callee"', f'"sip:127.0.0.1:{udp_port.getsockname()[1]}"')
    thread = threading.Thread(target=answer)
    thread.start()

    ran = sipgate("check", "--strict")

    thread.join()
    assert (ran.exit_code, ran.err) == (0, "")


def test_a_refused_tcp_connection_is_a_warning(sipgate: RunCommand, folder: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        change(folder, '"callee"', f'"sip:127.0.0.1:{port};transport=tcp"')

        assert "can't be reached: Connection refused" in sipgate("check").err


def test_a_list_that_was_never_imported_is_a_warning(sipgate: RunCommand, folder: Path) -> None:
    path = folder / "policy.yaml"
    path.write_text(path.read_text().replace("name: refusals", "name: dnc"))

    ran = sipgate("check", "--strict")

    assert ran.exit_code == 1
    assert (
        "list dnc was never imported, so it is empty:"
        " sipgate list import dnc FILE -c sipgate.toml\n" in ran.err
    )


def test_a_missing_list_of_callers_is_imported_as_text(sipgate: RunCommand, folder: Path) -> None:
    path = folder / "policy.yaml"
    path.write_text(path.read_text().replace("name: refusals, of: callee", "name: vip, of: caller"))
    (folder / "sipgate.toml").rename(folder / "my gate.toml")

    ran = sipgate("check", "-c", "my gate.toml")

    assert "sipgate list import vip FILE --kind text -c 'my gate.toml'\n" in ran.err


def test_a_list_that_was_imported_is_fine(sipgate: RunCommand, folder: Path) -> None:
    path = folder / "policy.yaml"
    path.write_text(path.read_text().replace("name: refusals", "name: dnc"))
    (folder / "dnc.txt").write_text("+13055550123\n")
    sipgate("list", "import", "dnc", "dnc.txt")

    assert sipgate("check", "--strict").exit_code == 0


def test_a_consent_rule_without_any_consent_is_a_warning(sipgate: RunCommand, folder: Path) -> None:
    path = folder / "policy.yaml"
    rule = ("list: {name: refusals, of: callee}", "consent: {purpose: x}")
    path.write_text(path.read_text().replace(*rule))
    before = sipgate("check", "--strict")
    (folder / "crm.csv").write_text("callee,purpose,granted\n3055550123,x,2026-01-01\n")
    sipgate("consent", "import", "crm.csv")

    assert before.exit_code == 1
    assert (
        "no consent is on record, so consent rules hold for every call:"
        " sipgate consent import FILE -c sipgate.toml\n" in before.err
    )
    assert sipgate("check", "--strict").exit_code == 0


def test_a_rule_about_own_numbers_without_any_is_a_warning(
    sipgate: RunCommand, folder: Path
) -> None:
    path = folder / "policy.yaml"
    rule = ("list: {name: refusals, of: callee}", "identity: {any: not-owned}")
    path.write_text(path.read_text().replace(*rule))
    before = sipgate("check", "--strict")
    with (folder / "sipgate.toml").open("a") as config:
        config.write('[[caller]]\nid = "hq/4711"\nclis = ["+13055550100"]\n')

    assert before.exit_code == 1
    assert "identity rules ask for not-owned, but no [[caller]] has clis" in before.err
    assert sipgate("check", "--strict").exit_code == 0


def test_callers_that_no_call_can_have_are_a_warning(sipgate: RunCommand, folder: Path) -> None:
    with (folder / "sipgate.toml").open("a") as config:
        config.write('[[caller]]\nid = "hq/Alice"\n[[caller]]\nid = "hq/4711"\n')
    path = folder / "policy.yaml"
    rule = "when: {not: {caller: [hq/4711, hq/Bob]}}\n    list:"
    path.write_text(path.read_text().replace("list:", rule, 1))

    ran = sipgate("check", "--strict")

    assert ran.exit_code == 1
    assert (
        "[[caller]]: no call has the caller hq/Alice, for the gate reads that as hq/alice"
        in ran.err
    )
    assert "no call has the caller hq/Bob, for the gate reads that as hq/bob" in ran.err
    assert "hq/4711" not in ran.err


def test_callers_who_name_themselves_are_a_warning(sipgate: RunCommand, folder: Path) -> None:
    change(folder, "trusted = true", "trusted = false")

    assert "source hq isn't trusted, yet its callers say themselves" in sipgate("check").err


def test_headers_of_an_untrusted_source_that_mean_nothing_are_a_warning(
    sipgate: RunCommand, folder: Path
) -> None:
    named = 'campaign-header = "X-C"\nlead-headers = {region = "X-R"}'
    change(folder, "trusted = true", f'trusted = false\n{named}\nidentity = ["source"]')

    ran = sipgate("check", "--strict")

    assert ran.exit_code == 1
    told = "source hq is not trusted: its campaign-header and lead-headers mean nothing"
    assert told in ran.err

    change(folder, "trusted = false", "trusted = true")
    assert sipgate("check", "--strict").exit_code == 0


def test_a_608_without_a_card_is_a_warning(sipgate: RunCommand, folder: Path) -> None:
    rule = "- id: machine\n  rate: {per: caller, limit: 5, window: 1m}\n  then: {reject: 608}\n"
    (folder / "policy.yaml").write_text(f"policy: p\nrevision: 1\nrules:\n{rule}")

    assert (
        "rule machine refuses with 608 without saying whom to turn to (RFC 8688): that needs"
        " redress in the policy and [redress] in the configuration" in sipgate("check").err
    )


def test_a_key_that_signs_no_card_is_named(sipgate: RunCommand, folder: Path) -> None:
    (folder / "key.pem").write_text("no key")
    with (folder / "sipgate.toml").open("a") as file:
        file.write(
            '\n[redress]\ncard-url = "https://example.com/c"\ncard-file = "c.jws"\n'
            'key-file = "key.pem"\ncertificate-url = "https://example.com/c.pem"\n'
        )

    ran = sipgate("check")

    assert ran.exit_code == 2
    assert "key.pem: is no EC key on P-256 in PEM without a password" in ran.err


def test_an_upstream_that_is_also_a_deciding_source_is_a_warning(
    sipgate: RunCommand, folder: Path, udp_port: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sipgate.cli.preflight.RESEND_SECONDS", 0.02)
    change(folder, '"callee"', f'"sip:127.0.0.1:{udp_port.getsockname()[1]}"')
    change(folder, "10.1.0.0/16", "127.0.0.1")

    assert "upstream carrier: 127.0.0.1 is also in source hq" in sipgate("check").err


@pytest.mark.usefixtures("folder")
def test_json_says_severity_and_text(sipgate: RunCommand, folder: Path) -> None:
    change(folder, "region", "regoin")

    row = json.loads(sipgate("check", "--json").out)

    assert row == {
        "severity": "error",
        "text": 'sipgate.toml:11:1: unknown key "regoin"; did you mean "region"?',
    }


def test_policies_are_checked_by_themselves(sipgate: RunCommand, folder: Path) -> None:
    (folder / "sipgate.toml").unlink()

    ran = sipgate("policy", "check", "policy.yaml", "--json")

    facts = json.loads(ran.out)
    assert ran.exit_code == 0
    assert (facts["policy"], facts["revision"], facts["rules"]) == ("test", "7", 1)
    assert facts["lists"] == ["refusals"]


def test_each_wrong_policy_is_told(sipgate: RunCommand, folder: Path) -> None:
    (folder / "wrong.yaml").write_text("policy: x\nrevision: 1\nrulez: []\n")

    ran = sipgate("policy", "check", "policy.yaml", "wrong.yaml", "none.yaml")

    assert ran.exit_code == 2
    assert ran.out.startswith("policy.yaml: test, revision 7, 1 rule, ")
    assert "wrong.yaml:3:1: " in ran.err
    assert "none.yaml" in ran.err
