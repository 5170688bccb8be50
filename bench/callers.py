"""Callers in one process: `python -m bench.callers PORT RATE SECONDS`, figures as JSON on stdout.

SIPp breaks down under calls that are refused or late before the proxies here do: its timers and its
sockets share one thread. These callers do less: one call of no length each (INVITE 200 ACK BYE
200), or a 503 and its ACK; an INVITE that nothing answers is sent again after T1, 3 T1 and 7 T1
(RFC 3261 §17.1.1.2), other requests never.
"""

import json
import re
import select
import socket
import sys
import time
from collections import deque

from .endpoints import HOST

CALLERS = 2_000
REPEATS = (0.5, 1.0, 2.0)  # seconds after the time before
TURN_SECONDS = 0.002
UNCOUNTED_SECONDS = 2.0  # at the beginning
LINGER_SECONDS = 1.0
SDP = (
    b"v=0\r\no=- 3941022310 3941022310 IN IP4 127.0.0.1\r\ns=pjmedia\r\nc=IN IP4 127.0.0.1\r\n"
    b"t=0 0\r\nm=audio 6000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
    b"a=fmtp:101 0-16\r\n"
)
INVITE = (
    b"INVITE sip:%(to)s@127.0.0.1:%(port)d SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.1:%(local)d;rport;branch=z9hG4bKi%(call)s\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "Extension %(user)d" <sip:%(user)d@127.0.0.1>;tag=f%(call)s\r\n'
    b"To: <sip:%(to)s@127.0.0.1>\r\n"
    b"Contact: <sip:%(user)d@127.0.0.1:%(local)d;ob>\r\n"
    b"Call-ID: %(call)s\r\nCSeq: 1 INVITE\r\n"
    b"Allow: PRACK, INVITE, ACK, BYE, CANCEL, UPDATE, INFO, SUBSCRIBE, NOTIFY, REFER, MESSAGE\r\n"
    b"Supported: replaces, 100rel, timer\r\nUser-Agent: MicroSIP/3.21.3\r\n"
    b"Content-Type: application/sdp\r\nContent-Length: %(length)d\r\n\r\n%(sdp)s"
)
LATER = (
    b"%(method)s %(uri)s SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.1:%(local)d;rport;branch=z9hG4bK%(branch)s\r\n"
    b"%(routes)sMax-Forwards: 70\r\n%(from)s\r\n%(to)s\r\nCall-ID: %(call)s\r\n"
    b"CSeq: %(cseq)d %(method)s\r\nContent-Length: 0\r\n\r\n"
)
CONTACT = re.compile(rb"\r\nContact: *<([^>]*)>")


class Callers:
    """All callers behind one socket."""

    def __init__(self, port: int, rate: int, seconds: int) -> None:
        self._port = port
        self._rate = rate
        self._seconds = seconds
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_000_000)
        self._socket.bind((HOST, 0))
        self._socket.connect((HOST, port))
        self._socket.setblocking(False)
        self._local = self._socket.getsockname()[1]
        self._unheard: dict[bytes, bytes] = {}  # INVITEs without any answer
        self._repeats: deque[deque[tuple[float, bytes]]]
        self._repeats = deque(deque() for _ in REPEATS)
        self._counted = False
        self.figures = dict.fromkeys(("offered", "completed", "refused", "again", "late"), 0)

    def run(self) -> dict[str, float]:
        """Offer the calls; figures a second, without the first two."""
        begun, started = 0, time.monotonic()
        while (now := time.monotonic()) < started + UNCOUNTED_SECONDS + self._seconds:
            self._counted = now >= started + UNCOUNTED_SECONDS
            if now - started - begun / self._rate > 0.1:  # this process was the slower one
                self._count("late")
            while begun < (now - started) * self._rate:
                self._begin(begun, now)
                begun += 1
            self._repeat(now)
            if select.select([self._socket], [], [], TURN_SECONDS)[0]:
                self._read(now + 0.01)
        self._counted = False
        until = time.monotonic() + LINGER_SECONDS
        while time.monotonic() < until:
            if select.select([self._socket], [], [], 0.1)[0]:
                self._read(until)
        return {name: number / self._seconds for name, number in self.figures.items()}

    def _count(self, name: str) -> None:
        self.figures[name] += self._counted

    def _begin(self, number: int, now: float) -> None:
        call = b"%d-%d" % (number, self._local)
        raw = INVITE % {
            b"to": b"+4930%d" % (20_000_000 + number % 100_000),
            b"port": self._port,
            b"local": self._local,
            b"call": call,
            b"user": 4000 + number % CALLERS,
            b"length": len(SDP),
            b"sdp": SDP,
        }
        self._count("offered")
        self._unheard[call] = raw
        self._repeats[0].append((now + REPEATS[0], call))
        self._send(raw)

    def _repeat(self, now: float) -> None:
        for time_of, queue in enumerate(self._repeats):
            while queue and queue[0][0] <= now:
                _, call = queue.popleft()
                raw = self._unheard.get(call)
                if raw is None:
                    continue
                self._count("again")
                self._send(raw)
                if time_of + 1 < len(REPEATS):
                    self._repeats[time_of + 1].append((now + REPEATS[time_of + 1], call))
                else:
                    del self._unheard[call]

    def _read(self, until: float) -> None:
        while time.monotonic() < until:
            try:
                raw = self._socket.recv(65535)
            except (BlockingIOError, ConnectionRefusedError):
                return
            self._heard(raw)

    def _heard(self, raw: bytes) -> None:
        head = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
        fields = {
            name: line for line in head for name in (line.partition(b":")[0],) if name != b"Via"
        }
        call = fields[b"Call-ID"][9:].strip()
        self._unheard.pop(call, None)
        status = raw[8:11]
        if status < b"200":
            return
        if fields[b"CSeq"].endswith(b"BYE"):
            self._count("completed")
            return
        later = {
            b"local": self._local,
            b"from": fields[b"From"],
            b"to": fields[b"To"],
            b"call": call,
            b"uri": b"sip:x@127.0.0.1",
            b"routes": b"",
        }
        if status >= b"300":
            self._count("refused")
            ack = {b"method": b"ACK", b"branch": b"i" + call, b"cseq": 1}
            self._send(LATER % {**later, **ack})
            return
        contact = CONTACT.search(raw)
        later[b"uri"] = b"sip:x@127.0.0.1" if contact is None else contact.group(1)
        later[b"routes"] = b"".join(
            b"Route:" + line[13:] + b"\r\n"
            for line in reversed(head)
            if line.startswith(b"Record-Route:")
        )
        ack = {b"method": b"ACK", b"branch": b"a" + call, b"cseq": 1}
        bye = {b"method": b"BYE", b"branch": b"b" + call, b"cseq": 2}
        self._send(LATER % {**later, **ack})
        self._send(LATER % {**later, **bye})

    def _send(self, raw: bytes) -> None:
        try:
            self._socket.send(raw)
        except (BlockingIOError, ConnectionRefusedError):
            return


if __name__ == "__main__":
    print(json.dumps(Callers(*map(int, sys.argv[1:4])).run()))
