"""A whole gate with several listeners, over real sockets: each transport over each family."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
import uvloop
from structlog.testing import capture_logs

from sipgate.app.process import serve
from sipgate.config import load_config
from sipgate.sip import Request, Response, parse_message
from tests.net.authority import Authority

SECONDS = 20.0
CONFIG = """\
[gate]
policy = "policy.yaml"
[[listen]]
transport = "udp"
address = "127.0.0.1:0"
[[listen]]
transport = "tcp"
address = "127.0.0.1:0"
[[listen]]
transport = "tls"
address = "127.0.0.1:0"
certificate-file = "{certificate}"
[[listen]]
transport = "udp"
address = "[::1]:0"
advertise = "[2001:db8::5]:5060"
[[listen]]
transport = "tcp"
address = "[::1]:0"
advertise = "gate6.example.com:5062"
[[listen]]
transport = "tls"
address = "[::1]:0"
certificate-file = "{certificate}"
advertise = "gate6.example.com:5061"
[[source]]
name = "v4"
match = ["127.0.0.1"]
region = "US"
[[source]]
name = "v6"
match = ["::1/128"]
region = "US"
[[upstream]]
name = "carrier"
targets = ["sip:127.0.0.1:{port}"]
"""
INVITE = """\
INVITE sip:+13055550001@gate SIP/2.0
Via: SIP/2.0/{transport} {sent_by};branch=z9hG4bKb1;rport
Max-Forwards: 70
From: <sip:4711@phone>;tag=f1
To: <sip:+13055550001@gate>
Call-ID: c1
CSeq: 1 INVITE
Contact: <sip:4711@{sent_by}>
Content-Length: 0

"""


class Carrier(asyncio.DatagramProtocol):
    """An upstream over UDP that answers each INVITE with 200 and keeps what it got."""

    def __init__(self) -> None:
        self.invite: Request | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # uvloop's looks like one

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        request = parse_message(data)
        if not isinstance(request, Request) or request.method != b"INVITE":
            return
        self.invite = request
        names = (b"via", b"record-route", b"from", b"call-id", b"cseq")
        lines = [request.lines[index] for name in names for index in request.indexes(name)]
        lines += [b"To: %b;tag=t1" % (request.first(b"to") or b""), b"Content-Length: 0"]
        answer = b"\r\n".join([b"SIP/2.0 200 OK", *lines]) + b"\r\n\r\n"
        self._transport.sendto(answer, address)


@asynccontextmanager
async def gate(folder: Path) -> AsyncIterator[tuple[dict[str, int], Carrier, Authority]]:
    """A running gate; its ports by transport and host, its carrier, whom its certificate is of."""
    authority = Authority(folder)
    loop = asyncio.get_running_loop()
    transport, carrier = await loop.create_datagram_endpoint(Carrier, ("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    (folder / "policy.yaml").write_text("policy: test\nrevision: 1\nrules: []\n")
    text = CONFIG.format(certificate=authority.issue("gate6.example.com").name, port=port)
    (folder / "sipgate.toml").write_text(text)
    with capture_logs() as logs:
        running = asyncio.create_task(serve(load_config(folder / "sipgate.toml", {})))
        try:
            async with asyncio.timeout(SECONDS):
                while not (names := [one["listens"] for one in logs if "listens" in one]):
                    assert not running.done(), running
                    await asyncio.sleep(0.02)
            split = (name.rpartition(":") for name in names[0])
            yield {where: int(number) for where, _, number in split}, carrier, authority
        finally:
            running.cancel()
            await asyncio.wait([running])
            transport.close()


def ask(transport: str, host: str, port: int, authority: Authority) -> Response:
    """Send an INVITE over a new socket; its first final response."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(family, kind) as plain:
        plain.settimeout(SECONDS)
        plain.connect((host, port))
        sent_by = f"[{host}]" if ":" in host else host
        sent_by += f":{plain.getsockname()[1]}"
        sock = plain
        if transport == "tls":
            context = ssl.create_default_context(cafile=str(authority.file))
            sock = context.wrap_socket(plain, server_hostname="gate6.example.com")
        with sock:
            text = INVITE.format(transport=transport.upper(), sent_by=sent_by)
            sock.sendall(text.replace("\n", "\r\n").encode())
            got = b""
            while True:
                got += sock.recv(65535)
                first, end, rest = got.partition(b"\r\n\r\n")
                if not end:
                    continue
                response = parse_message(first + end)
                assert isinstance(response, Response)
                if response.status >= 200:
                    return response
                got = rest


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_call_comes_in_by_each_listener_and_is_told_its_name(
    tmp_path: Path, transport: str, host: str
) -> None:
    async def conversation() -> tuple[Response, Request | None, dict[str, int]]:
        async with gate(tmp_path) as (ports, carrier, authority):
            where = f"{transport}:[{host}]" if ":" in host else f"{transport}:{host}"
            port = ports[where]
            answer = await asyncio.to_thread(ask, transport, host, port, authority)
            return answer, carrier.invite, ports

    answer, invite, ports = uvloop.run(conversation())
    assert answer.status == 200
    assert invite is not None
    assert invite.via.sent_by == b"127.0.0.1:%d" % ports["udp:127.0.0.1"]
    assert invite.via.transport == b"UDP"
    advertised = {
        "udp": b"[2001:db8::5]:5060",
        "tcp": b"gate6.example.com:5062",
        "tls": b"gate6.example.com:5061",
    }
    inward = advertised[transport]
    if host == "127.0.0.1":
        inward = b"127.0.0.1:%d" % ports[f"{transport}:127.0.0.1"]
    outward = b"127.0.0.1:%d" % ports["udp:127.0.0.1"]
    routes = answer.values(b"record-route")
    assert [route.partition(b"@")[2].partition(b";")[0].rstrip(b">") for route in routes] == (
        [outward] if inward == outward else [outward, inward]  # RFC 5658: as each side knows us
    )
