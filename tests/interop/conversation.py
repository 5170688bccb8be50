"""Conversations for SIPp, written as a list of what is sent and what is received.

Each function gives one step in SIPp's own language; `write` makes a scenario file of them. In the
messages `[word]` is SIPp's to fill in. A caller's INVITE carries what softphones send.
"""

from pathlib import Path

Step = str
Conversation = list[Step]

_SDP = """\
Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 3941022310 {version} IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [auto_media_port] RTP/AVP 8 0 101
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a={direction}
"""

_NO_BODY = "Content-Length: 0\n"
_INVITE_BRANCH = "[branch-of-invite]"
_FOUND = "found_pattern"


def write(path: Path, name: str, conversation: Conversation) -> Path:
    """A scenario file for SIPp; gives ACKs to refusals and CANCELs their INVITE's branch."""
    steps, invite_index = "", 0
    for index, step in enumerate(conversation):
        if _INVITE_BRANCH in step:
            step = step.replace(_INVITE_BRANCH, f"[branch-{index - invite_index}]")
        elif "\n\nINVITE " in step:
            invite_index = index
        steps += step + "\n"
    if _FOUND in steps:
        steps += f'<Reference variables="{_FOUND}"/>'  # SIPp refuses what is only assigned
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8" ?>\n<scenario name="{name}">\n{steps}\n</scenario>\n'
    )
    return path


# What a caller sends. `caller` and `callee` come from SIPp's -key; Call-ID and tags are SIPp's.


def invite(cseq: int = 1, *, extra: str = "", dialog: bool = False, hold: bool = False) -> Step:
    """An INVITE; with `dialog` a re-INVITE, which may put the other side on `hold`."""
    return _request(
        "INVITE",
        cseq,
        dialog=dialog,
        extra=f"{_CONTACT}User-Agent: interop caller\nSupported: replaces\n{extra}",
        body=_SDP.format(version=3941022309 + cseq, direction="sendonly" if hold else "sendrecv"),
        retransmitted=True,
    )


def ack(cseq: int = 1) -> Step:
    """The ACK to a 2xx."""
    return _request("ACK", cseq, dialog=True)


def ack_to_refusal(cseq: int = 1) -> Step:
    """The ACK to a final response that is no 2xx: part of the INVITE's own transaction."""
    return _request("ACK", cseq, to_tag=True, own_branch=False)


def cancel(cseq: int = 1, reason: str = "") -> Step:
    """A CANCEL of the INVITE."""
    extra = f"Reason: {reason}\n" if reason else ""
    return _request("CANCEL", cseq, extra=extra, own_branch=False, retransmitted=True)


def bye(cseq: int = 2) -> Step:
    """A BYE from the caller's side."""
    return _request("BYE", cseq, dialog=True, retransmitted=True)


# What a callee sends.


def answer(status: int, phrase: str, *, extra: str = "", retransmitted: bool | None = None) -> Step:
    """A response to the request just received; finals to an INVITE are repeated until the ACK."""
    sdp = _SDP.format(version=3941022310, direction="sendrecv") if status == 200 else _NO_BODY
    contact = "Contact: <sip:[local_ip]:[local_port];transport=[transport]>\n"
    message = (
        f"SIP/2.0 {status} {phrase}\n[last_Via:]\n[last_Record-Route:]\n[last_From:]\n"
        "[last_To:];tag=[pid]callee[call_number]\n[last_Call-ID:]\n[last_CSeq:]\n"
        f"{contact if status < 300 else ''}{extra}{sdp}"
    )
    return _send(message, status >= 200 if retransmitted is None else retransmitted)


def accept(*, sdp: bool = False) -> Step:
    """A 200 to a request in a dialog or to a CANCEL: the To has its tag already, if any."""
    contact = "Contact: <sip:[local_ip]:[local_port];transport=[transport]>\n" if sdp else ""
    body = _SDP.format(version=3941022311, direction="recvonly") if sdp else _NO_BODY
    message = (
        "SIP/2.0 200 OK\n[last_Via:]\n[last_Record-Route:]\n[last_From:]\n[last_To:]\n"
        f"[last_Call-ID:]\n[last_CSeq:]\n{contact}{body}"
    )
    return _send(message, retransmitted=sdp)


def end_cancelled_invite() -> Step:
    """The 487 to the INVITE (taken by `invite_to_be_cancelled`) that the last CANCEL was about."""
    message = (
        "SIP/2.0 487 Request Terminated\nVia: [$invite_via]\nVia: [$invite_via_below]\n"
        "[last_From:]\n[last_To:];tag=[pid]callee[call_number]\n[last_Call-ID:]\nCSeq: 1 INVITE\n"
        "Content-Length: 0\n"
    )
    return _send(message, retransmitted=True)


def hang_up() -> Step:
    """A BYE from the callee's side; `request("ACK", keep_parties=True)` came before."""
    message = (
        "BYE [next_url] SIP/2.0\n"
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]\n[routes]\n"
        "Max-Forwards: 70\nFrom: [$callee_party]\nTo: [$caller_party]\n[last_Call-ID:]\n"
        "CSeq: 1 BYE\nContent-Length: 0\n"
    )
    return _send(message, retransmitted=True)


# What either side waits for.


def request(method: str, *, remember_route: bool = False, keep_parties: bool = False) -> Step:
    """Wait for a request."""
    start = f'<recv request="{method}"{_route(remember_route)}'
    if not keep_parties:
        return f"{start}/>"
    return (
        f"{start}><action>"
        '<ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller_party"/>'
        '<ereg regexp=".*" search_in="hdr" header="To:" assign_to="callee_party"/>'
        "</action></recv>"
    )


def invite_to_be_cancelled() -> Step:
    """Wait for an INVITE and keep its two Via values: its CANCEL will carry only the first."""
    return (
        '<recv request="INVITE"><action>'
        '<ereg regexp=".*" search_in="hdr" header="Via:" occurrence="1" assign_to="invite_via"/>'
        '<ereg regexp=".*" search_in="hdr" header="Via:" occurrence="2"'
        ' assign_to="invite_via_below"/></action></recv>'
    )


def response(
    status: int, *, optional: bool = False, remember_route: bool = False, challenge: bool = False
) -> Step:
    """Wait for a response; `challenge` keeps it for `[authentication]`."""
    attributes = _route(remember_route)
    attributes += ' optional="true"' if optional else ""
    attributes += ' auth="true"' if challenge else ""
    return f'<recv response="{status}"{attributes}/>'


def refusal(status: int, pattern: str) -> Step:
    """Wait for a response in which `pattern` (a POSIX regular expression) is found."""
    return (
        f'<recv response="{status}"><action>'
        f'<ereg regexp="{pattern}" search_in="msg" check_it="true" assign_to="{_FOUND}"/>'
        "</action></recv>"
    )


def pause(milliseconds: int) -> Step:
    """Do nothing for a while."""
    return f'<pause milliseconds="{milliseconds}"/>'


_CONTACT = "Contact: <sip:[caller]@[local_ip]:[local_port];transport=[transport]>\n"


def _request(
    method: str,
    cseq: int,
    *,
    dialog: bool = False,
    to_tag: bool = False,
    own_branch: bool = True,
    extra: str = "",
    body: str = _NO_BODY,
    retransmitted: bool = False,
) -> Step:
    target = "[next_url]" if dialog else "sip:[callee]@[remote_ip]:[remote_port]"
    message = (
        f"{method} {target} SIP/2.0\n"
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;"
        f"branch={'[branch]' if own_branch else _INVITE_BRANCH}\n"
        f"{'[routes]' if dialog else ''}\n"
        "Max-Forwards: 70\n"
        'From: "Extension [caller]" <sip:[caller]@[remote_ip]>;tag=[pid]caller[call_number]\n'
        f"To: <sip:[callee]@[remote_ip]>{'[peer_tag_param]' if dialog or to_tag else ''}\n"
        f"Call-ID: [call_id]\nCSeq: {cseq} {method}\n{extra}{body}"
    )
    return _send(message.replace("\n\nMax", "\nMax"), retransmitted)


def _send(message: str, retransmitted: bool) -> Step:
    attribute = ' retrans="500"' if retransmitted else ""
    return f"<send{attribute}><![CDATA[\n\n{message}\n]]></send>"


def _route(remember: bool) -> str:
    return ' rrs="true"' if remember else ""
