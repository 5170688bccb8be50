"""baresip, a third softphone with a stack of its own: calls, is limited, hangs up."""

import shutil
import subprocess
from pathlib import Path

import pytest

from bench.far_end import far_end

from .house import House, house

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("baresip") is None, reason="baresip is not installed"),
]

MODULES = "/usr/lib/baresip/modules"
SETTINGS = """\
sip_listen 127.0.0.1:0
audio_source aubridge,x
audio_player aubridge,x
module_path {modules}
module g711.so
module aubridge.so
module_tmp account.so
module_app menu.so
"""


def dial(
    folder: Path, gate: House, number: str, *, transport: str = "udp", seconds: int = 4
) -> str:
    """Have baresip call a number and hang up after a while; what it said."""
    home = folder / f"baresip-{number.strip('+')}"
    home.mkdir()
    (home / "config").write_text(SETTINGS.format(modules=MODULES))
    (home / "contacts").write_text("")
    (home / "accounts").write_text(
        f"<sip:4713@127.0.0.1;transport={transport}>;regint=0"
        f';outbound="sip:127.0.0.1:{gate.port};transport={transport}"\n'
    )
    uri = f"sip:{number}@127.0.0.1:{gate.port}"  # it adds the account's transport itself
    finished = subprocess.run(
        ["baresip", "-f", str(home), "-e", f"/dial {uri}", "-t", str(seconds)],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds + 20,
    )
    return finished.stdout + finished.stderr


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_baresip_calls_and_hangs_up(tmp_path: Path, transport: str) -> None:
    with far_end() as carrier, house(tmp_path, upstream_port=carrier.port) as gate:
        told = dial(tmp_path, gate, "+493020000001", transport=transport)
        [record] = gate.ended_calls(1)
    assert "call established" in told.lower(), told
    assert (record["caller"], record["verdict"]) == ("floor/4713", "allow")
    assert (record["outcome"]["kind"], record["outcome"]["ended_by"]) == ("answered", "caller")
    assert len({request.call_id for request in carrier.seen("BYE")}) == 1


def test_baresip_shows_why_it_is_refused(tmp_path: Path) -> None:
    with far_end() as carrier, house(tmp_path, upstream_port=carrier.port, limit=1) as gate:
        dial(tmp_path, gate, "+493020000001", seconds=2)
        told = dial(tmp_path, gate, "+493020000002", seconds=2)
        gate.ended_calls(2)
    assert "limit of 1 calls reached" in told, told
    assert len({request.call_id for request in carrier.seen("INVITE")}) == 1
