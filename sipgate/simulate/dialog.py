"""One end's view of a dialog: RFC 3261 §12, for loose routers only."""

from dataclasses import dataclass

from sipgate.sip import Request, Response, parse_name_addr


@dataclass(slots=True, kw_only=True)
class Dialog:
    """What requests in the dialog are made of."""

    call_id: bytes
    local: bytes  # our From or To value, tag included
    remote: bytes
    local_tag: bytes
    remote_tag: bytes
    target: bytes  # the peer's Contact URI
    routes: tuple[bytes, ...]
    cseq: int  # our last

    def request(
        self, method: bytes, via: bytes, *, cseq: int | None = None, headers: tuple[bytes, ...] = ()
    ) -> bytes:
        """A request in the dialog: RFC 3261 §12.2.1.1; an ACK names its INVITE's `cseq`."""
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        lines = [
            method + b" " + self.target + b" SIP/2.0",
            b"Via: " + via,
            *(b"Route: " + route for route in self.routes),
            b"Max-Forwards: 70",
            b"From: " + self.local,
            b"To: " + self.remote,
            b"Call-ID: " + self.call_id,
            b"CSeq: %d %b" % (cseq, method),
            *headers,
            b"Content-Length: 0",
        ]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    @property
    def next_hop(self) -> bytes:
        """The URI to send to: the first route, else the peer's Contact."""
        return parse_name_addr(self.routes[0]).uri if self.routes else self.target


def caller_dialog(response: Response, cseq: int) -> Dialog:
    """The dialog that a response with a To tag makes for who sent the INVITE: §12.1.2."""
    return Dialog(
        call_id=response.call_id,
        local=response.first(b"from") or b"",
        remote=response.first(b"to") or b"",
        local_tag=response.from_tag,
        remote_tag=response.to_tag,
        target=_contact(response),
        routes=tuple(reversed(response.values(b"record-route"))),
        cseq=cseq,
    )


def callee_dialog(invite: Request, tag: bytes) -> Dialog:
    """The dialog that our response with this tag makes for us: §12.1.1."""
    return Dialog(
        call_id=invite.call_id,
        local=(invite.first(b"to") or b"") + b";tag=" + tag,
        remote=invite.first(b"from") or b"",
        local_tag=tag,
        remote_tag=invite.from_tag,
        target=_contact(invite),
        routes=tuple(invite.values(b"record-route")),
        cseq=0,
    )


def refresh(dialog: Dialog, message: Request | Response) -> None:
    """Follow the peer's new Contact after a re-INVITE or UPDATE: §12.2."""
    if target := _contact(message):
        dialog.target = target


def _contact(message: Request | Response) -> bytes:
    contacts = message.values(b"contact")
    return parse_name_addr(contacts[0]).uri if contacts else b""
