"""Phones prove their password to the gate (RFC 8760): PJSIP and SIPp answer its challenge."""

import importlib.util
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.far_end import FarEnd, far_end
from bench.gate import COMMAND

from .conversation import ack, ack_to_refusal, bye, invite, pause, response
from .house import House, house
from .sipp import call
from .test_softphones import use_phone

pytestmark = pytest.mark.interop

needs_pjsip = pytest.mark.skipif(
    importlib.util.find_spec("pjsua2") is None, reason="pjsua2-python is not installed"
)
needs_pyvoip = pytest.mark.skipif(
    importlib.util.find_spec("pyVoIP") is None, reason="pyVoIP is not installed"
)
needs_sipp = pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed")

REALM = 'realm = "example.com"'


@contextmanager
def guarded(
    folder: Path, carrier: FarEnd, *, password: str, algorithms: Sequence[str]
) -> Iterator[House]:
    """A gate that asks 4711 for a password, its hash made by the command itself."""
    scratch = folder / "scratch.toml"
    (folder / "policy.yaml").write_text("policy: p\nrevision: 1\nrules: []\n")
    scratch.write_text(
        '[gate]\npolicy = "policy.yaml"\n[[listen]]\naddress = "127.0.0.1:0"\n[[source]]\n'
        f'name = "floor"\nmatch = ["127.0.0.1"]\nidentity = ["digest"]\n{REALM}\n'
        '[[upstream]]\nname = "carrier"\ntargets = ["callee"]\n'
    )
    command = [str(COMMAND), "password", "floor/4711", "--out", str(folder / "4711.password")]
    command += [
        "-c",
        str(scratch),
        *(word for name in algorithms for word in ("--algorithm", name)),
    ]
    subprocess.run(command, input=password + "\n", text=True, check=True, capture_output=True)
    caller = '[[caller]]\nid = "floor/4711"\npassword-file = "4711.password"\n'
    with house(
        folder, upstream_port=carrier.port, identity='["digest"]', source=REALM, more=caller
    ) as gate:
        yield gate


@needs_pjsip
@pytest.mark.parametrize("algorithms", [["sha-256"], ["md5"], ["sha-256", "md5"]], ids="+".join)
def test_pjsip_registers_and_calls_with_its_password(tmp_path: Path, algorithms: list[str]) -> None:
    with (
        far_end() as carrier,
        guarded(tmp_path, carrier, password="secret", algorithms=algorithms) as gate,
    ):
        told = use_phone("phone_pjsip.py", gate.port, "4711", "udp", "+493020000001")
        [record] = gate.ended_calls(1)
    assert told["registered"] == 200
    assert [call["answered"] for call in told["calls"]] == [True]
    assert (record["caller"], record["outcome"]["kind"]) == ("floor/4711", "answered")
    assert all(request.header("proxy-authorization") == "" for request in carrier.seen("INVITE"))


@needs_pjsip
def test_pjsip_with_a_wrong_password_gets_nowhere(tmp_path: Path) -> None:
    with (
        far_end() as carrier,
        guarded(tmp_path, carrier, password="another", algorithms=["md5"]) as gate,
    ):
        told = use_phone("phone_pjsip.py", gate.port, "4711", "udp", "+493020000001")
        records = gate.calls()
    assert told["registered"] == 407
    assert [call["answered"] for call in told["calls"]] == [False]
    assert records == []
    assert carrier.seen("INVITE") == carrier.seen("REGISTER") == []


PROVES_ITSELF = [
    invite(),
    response(407, challenge=True),
    ack_to_refusal(),
    invite(2, extra="[authentication username=4711 password=secret]\n"),
    response(100, optional=True),
    response(180, optional=True),
    response(200, remember_route=True),
    ack(2),
    pause(200),
    bye(3),
    response(200),
]


@needs_sipp
def test_sipp_which_knows_md5_only_proves_itself(tmp_path: Path) -> None:
    with (
        far_end() as carrier,
        guarded(tmp_path, carrier, password="secret", algorithms=["md5"]) as gate,
    ):
        # By itself it leaves the user out of the URI that it hashes (RFC 7616 §3.4.6).
        uri = ["-auth_uri", f"+493020000001@127.0.0.1:{gate.port}"]
        call(tmp_path, PROVES_ITSELF, port=gate.port, caller="4711", options=uri)
        [record] = gate.ended_calls(1)
    assert record["caller"] == "floor/4711"
