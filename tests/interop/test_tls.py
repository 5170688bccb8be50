"""TLS with real programs: baresip as the phone, another gate's listener as the carrier."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from bench.endpoints import HOST, free_port
from bench.far_end import far_end
from tests.net.authority import Authority

from .house import house
from .test_baresip import MODULES, SETTINGS

pytestmark = pytest.mark.interop


def listener(authority: Authority, port: int, *, more: str = "") -> str:
    certificate = authority.issue(HOST, "localhost")
    return (
        f'[[listen]]\ntransport = "tls"\naddress = "{HOST}:{port}"\n'
        f'certificate-file = "{certificate}"\n{more}'
    )


def options(port: int, local: int) -> bytes:
    return (
        f"OPTIONS sip:{HOST}:{port} SIP/2.0\r\nVia: SIP/2.0/TLS {HOST}:{local};branch=z9hG4bKt1\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:a@{HOST}>;tag=1\r\nTo: <sip:{HOST}>\r\nCall-ID: t1\r\n"
        "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    ).encode()


@pytest.mark.skipif(shutil.which("baresip") is None, reason="baresip is not installed")
def test_baresip_calls_over_tls_and_hangs_up(tmp_path: Path) -> None:
    authority, port = Authority(tmp_path), free_port()
    home = tmp_path / "baresip"
    home.mkdir()
    settings = SETTINGS.format(modules=MODULES) + f"sip_cafile {authority.file}\n"
    (home / "config").write_text(settings)
    (home / "contacts").write_text("")
    (home / "accounts").write_text(
        f'<sip:4713@{HOST};transport=tls>;regint=0;outbound="sip:{HOST}:{port};transport=tls"\n'
    )
    with (
        far_end() as carrier,
        house(tmp_path, upstream_port=carrier.port, more=listener(authority, port)) as gate,
    ):
        told = subprocess.run(
            ["baresip", "-f", str(home), "-e", f"/dial sip:+493020000001@{HOST}:{port}", "-t", "4"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
        ).stdout
        [record] = gate.ended_calls(1)
    assert "call established" in told.lower(), told
    assert (record["caller"], record["outcome"]["kind"]) == ("floor/4713", "answered")
    assert record["outcome"]["ended_by"] == "caller"
    invite = carrier.seen("INVITE")[0]
    assert b"SIP/2.0/TLS" in invite.raw  # the phone's Via, under ours
    assert b";transport=tls;lr" in invite.raw


def test_a_certificate_is_renewed_by_sighup_without_a_connection_lost(tmp_path: Path) -> None:
    authority, port = Authority(tmp_path), free_port()
    with (
        far_end() as carrier,
        house(tmp_path, upstream_port=carrier.port, more=listener(authority, port)) as gate,
    ):
        old = _connected(authority, port)
        newer = Authority(tmp_path, "newer")
        authority.issue(HOST, "localhost").write_bytes(newer.issue(HOST).read_bytes())
        os.kill(gate.gate.pid, signal.SIGHUP)
        deadline = time.monotonic() + 10
        while '"policy_loaded"' not in gate.log() and time.monotonic() < deadline:
            time.sleep(0.1)
        new = _connected(newer, port)
        for connection in (old, new):
            connection.sendall(options(port, connection.getsockname()[1]))
            assert connection.recv(4096).startswith(b"SIP/2.0 200")
            connection.close()


def _connected(authority: Authority, port: int) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(authority.file))
    raw = socket.create_connection((HOST, port), timeout=10)
    return context.wrap_socket(raw, server_hostname=HOST)
