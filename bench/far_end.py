"""A carrier or registrar in this process: answers over UDP and remembers every request.

SIPp can't be asked later what it received, nor register phones; this can. It rings and answers
each INVITE at once, or refuses it as `statuses_by_user` says for the called number.
"""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .endpoints import HOST

_SDP = (
    "v=0\r\no=carrier 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
)
_COPIED = ("via", "record-route", "from", "call-id", "cseq", "timestamp")


class Seen:
    """One request as it arrived."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        head = raw.partition(b"\r\n\r\n")[0].decode(errors="replace")
        start, *self.lines = head.split("\r\n")
        self.method, self.uri = start.split(" ")[:2]

    def header(self, name: str) -> str:
        """The first value of a header, "" when there is none."""
        for line in self.lines:
            key, _, value = line.partition(":")
            if key.strip().lower() == name.lower():
                return value.strip()
        return ""

    @property
    def call_id(self) -> str:
        """Its Call-ID."""
        return self.header("call-id")

    @property
    def caller(self) -> str:
        """The user part of From."""
        found = re.search(r"sips?:([^@>;]+)@", self.header("from"))
        return found.group(1) if found else ""


class FarEnd:
    """Answers on `port` until closed."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
        self._socket.bind((HOST, 0))
        self.port = int(self._socket.getsockname()[1])
        self.statuses_by_user: dict[str, int] = {}  # final answers other than 200
        self._seen: list[Seen] = []
        self._is_closed = False
        self._thread = threading.Thread(target=self._serve, name="far end", daemon=True)
        self._thread.start()

    def seen(self, method: str) -> list[Seen]:
        """The requests of a method so far, repeats included, in order."""
        return [request for request in list(self._seen) if request.method == method]

    def close(self) -> None:
        """Stop answering; once more does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        self._socket.sendto(b"", (HOST, self.port))  # wakes the thread
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            raw, address = self._socket.recvfrom(65535)
            if self._is_closed:
                return
            if not raw.strip(b"\r\n\0") or raw.startswith(b"SIP/2.0"):
                continue
            request = Seen(raw)
            self._seen.append(request)
            for answer in self._answers(request):
                self._socket.sendto(answer, address)

    def _answers(self, request: Seen) -> list[bytes]:
        if request.method == "ACK":
            return []
        if request.method == "REGISTER":
            contact = request.header("contact")
            bound = [f"Contact: {contact};expires=300", "Expires: 300"] if contact else []
            return [_response(request, 200, "OK", bound)]
        if request.method != "INVITE":
            return [_response(request, 200, "OK", [])]
        user = request.uri.partition(":")[2].partition("@")[0]
        status = self.statuses_by_user.get(user, 200)
        if status != 200:
            trying = _response(request, 100, "Trying", [])
            return [trying, _response(request, status, "Not Now", [])]
        contact = f"Contact: <sip:{HOST}:{self.port}>"
        if "tag=" in request.header("to"):
            return [_response(request, 200, "OK", [contact], _SDP)]
        return [
            _response(request, 180, "Ringing", [contact]),
            _response(request, 200, "OK", [contact, "Allow: INVITE, ACK, BYE, CANCEL"], _SDP),
        ]


@contextmanager
def far_end() -> Iterator[FarEnd]:
    """A far end, while the context lasts."""
    end = FarEnd()
    try:
        yield end
    finally:
        end.close()


def _response(request: Seen, status: int, phrase: str, extra: list[str], body: str = "") -> bytes:
    lines = [f"SIP/2.0 {status} {phrase}"]
    lines += [line for line in request.lines if line.partition(":")[0].strip().lower() in _COPIED]
    to = request.header("to")
    lines.append(
        f"To: {to}" if "tag=" in to else f"To: {to};tag=far{abs(hash(request.call_id + to))}"
    )
    lines += extra
    if body:
        lines.append("Content-Type: application/sdp")
    lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
