"""Edits of a message on its way through."""

from hypothesis import given
from hypothesis import strategies as st

from sipgate.sip import Splice, parse_message

from .samples import INVITE, invite, request


def test_only_what_is_named_changes() -> None:
    message = request()
    splice = Splice(message)
    splice.start_line(b"INVITE sip:x@y SIP/2.0")
    splice.replace(2, b"Max-Forwards: 69")
    splice.before(1, b"Via: SIP/2.0/UDP gate;branch=z9hG4bKours")
    splice.before(1, b"Record-Route: <sip:gate;lr>")
    splice.remove(11)
    splice.append(b"X-SipGate-Verdict: tag")
    expected = (
        INVITE.replace(b"sip:+4930123456@gate.example.com SIP", b"sip:x@y SIP", 1)
        .replace(b"Max-Forwards: 70", b"Max-Forwards: 69")
        .replace(
            b"Via:",
            b"Via: SIP/2.0/UDP gate;branch=z9hG4bKours\r\nRecord-Route: <sip:gate;lr>\r\nVia:",
        )
        .replace(b"X-Campaign: autumn\r\n", b"")
        .replace(b"\r\n\r\n", b"\r\nX-SipGate-Verdict: tag\r\n\r\n")
    )
    assert splice.to_bytes() == expected
    assert splice.to_bytes() == expected  # twice does no harm
    assert Splice(message).to_bytes() == INVITE  # and the message is as it was


def test_a_line_may_come_before_one_that_goes() -> None:
    splice = Splice(request())
    splice.before(11, b"X-New: 1")
    splice.remove(11)
    assert splice.to_bytes() == INVITE.replace(b"X-Campaign: autumn", b"X-New: 1")


def test_first_values_go_one_by_one() -> None:
    raw = invite(also=b'Route:\t<sip:a,b>  ,  "x,y" <sip:c>,<sip:d>\r\nroute: <sip:e>')
    splice = Splice(request(raw))
    splice.drop_first_value(b"route")
    assert b'Route:\t"x,y" <sip:c>,<sip:d>\r\nroute: <sip:e>\r\n' in splice.to_bytes()
    splice.drop_first_value(b"route")
    assert b"Route:\t<sip:d>\r\nroute: <sip:e>\r\n" in splice.to_bytes()
    splice.drop_first_value(b"route")
    assert b"Route:\t" not in splice.to_bytes()
    assert b"route: <sip:e>\r\n" in splice.to_bytes()
    splice.drop_first_value(b"route")
    splice.drop_first_value(b"route")
    assert splice.to_bytes() == INVITE


def test_an_empty_element_is_no_first_value() -> None:
    splice = Splice(
        request(invite(also=b"Route: , ,<sip:a> ,, <sip:b>\r\nRoute:\r\nRoute: ,<sip:c>"))
    )
    splice.drop_first_value(b"route")
    assert b"Route: <sip:b>\r\nRoute:\r\nRoute: ,<sip:c>\r\n" in splice.to_bytes()
    splice.drop_first_value(b"route")
    assert b"<sip:b>" not in splice.to_bytes()
    splice.drop_first_value(b"route")
    assert b"<sip:c>" not in splice.to_bytes()


def test_a_new_body_says_its_length() -> None:
    splice = Splice(request())
    splice.body(b"hello")
    message = parse_message(splice.to_bytes())
    assert (message.body, message.first(b"content-length")) == (b"hello", b"5")


def test_a_new_body_says_its_length_where_nothing_did() -> None:
    splice = Splice(request(invite(without=b"Content-Length")))
    splice.body(b"hello")
    assert parse_message(splice.to_bytes()).first(b"content-length") == b"5"


@given(
    st.lists(
        st.tuples(st.sampled_from(["replace", "before", "remove", "append"]), st.integers(1, 13))
    )
)
def test_any_edits_give_what_a_list_would(edits: list[tuple[str, int]]) -> None:
    message = request()
    splice = Splice(message)
    lines: list[list[bytes]] = [[line] for line in message.lines]
    before: list[list[bytes]] = [[] for _ in lines]
    after: list[bytes] = []
    for number, (kind, index) in enumerate(edits):
        line = b"X-%d: 1" % number
        match kind:
            case "replace":
                splice.replace(index, line)
                lines[index] = [line]
            case "before":
                splice.before(index, line)
                before[index].append(line)
            case "remove":
                splice.remove(index)
                lines[index] = []
            case _:
                splice.append(line)
                after.append(line)
    flat = [line for pair in zip(before, lines, strict=True) for part in pair for line in part]
    assert splice.to_bytes() == b"\r\n".join([*flat, *after, b"", message.body])
