"""Max-Breadth: RFC 5393 §5.3.3."""

import pytest

from sipgate.proxy.breadth import is_too_broad, read_breadth
from sipgate.sip import BadMessage, Request, parse_message

from .house import GATE, House, header

LARGEST = 10**9


def request(*lines: str) -> Request:
    headers = "".join(f"{line}\r\n" for line in lines)
    message = parse_message(
        (
            f"MESSAGE sip:1@a SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n{headers}"
            "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: c\r\nCSeq: 2 MESSAGE\r\n\r\n"
        ).encode()
    )
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize(
    ("lines", "breadth"),
    [
        ([], None),
        (["Max-Breadth: 0"], 0),
        (["MAX-BREADTH :  007 "], 7),
        ([f"Max-Breadth: {'9' * 5000}"], LARGEST),
    ],
    ids=["none", "nothing left", "leading zeros", "overlong"],
)
def test_the_breadth_is_read(lines: list[str], breadth: int | None) -> None:
    assert read_breadth(request(*lines)) == breadth


@pytest.mark.parametrize(
    "lines",
    [
        ["Max-Breadth:"],
        ["Max-Breadth: -1"],
        ["Max-Breadth: 1, 2"],
        ["Max-Breadth: 1;x"],
        ["Max-Breadth: 1", "Max-Breadth: 1"],
    ],
    ids=["empty", "negative", "a list", "with a parameter", "twice"],
)
def test_what_is_no_single_number_is_a_bad_message(lines: list[str]) -> None:
    with pytest.raises(BadMessage):
        read_breadth(request(*lines))
    assert not is_too_broad(request(*lines))


@pytest.mark.parametrize("method", ["INVITE", "REGISTER", "MESSAGE", "SUBSCRIBE"])
def test_rfc_5393_5_3_3_a_missing_max_breadth_is_60(method: str) -> None:
    house = House()
    house.phone.asks(method, f"sip:+13055550001@{GATE}")
    house.writes()
    house.heard()
    assert header(house.trunk.got_request(method), "max-breadth") == "60"


@pytest.mark.parametrize(("came", "went"), [("1", "1"), ("60", "60"), ("61", "60"), ("999", "60")])
def test_rfc_5393_5_3_3_no_more_than_60_goes_on_and_less_is_not_used_up(
    came: str, went: str
) -> None:
    house = House()
    house.phone.calls(headers=[f"Max-Breadth: {came}"])
    house.writes()
    house.heard()
    assert house.trunk.got_request("INVITE").values(b"max-breadth") == [went.encode()]


def test_rfc_5393_5_3_3_in_a_dialog_too_and_for_the_ack() -> None:
    house = House()
    house.call_up()
    house.phone.in_dialog("INFO")
    house.heard()
    for method in ("ACK", "INFO"):
        assert header(house.trunk.got_request(method), "max-breadth") == "60"


def test_rfc_5393_5_3_3_no_breadth_left_gets_440() -> None:
    house = House()
    house.phone.calls(headers=["Max-Breadth: 0"])
    assert house.heard() == ["phone: SIP/2.0 440 Max-Breadth Exceeded"]


def test_a_breadth_that_is_none_gets_400() -> None:
    house = House()
    house.phone.calls(headers=["Max-Breadth: many"])
    [line] = house.heard()
    assert line.startswith("phone: SIP/2.0 400 ")


def test_an_ack_whose_breadth_is_none_goes_on_as_it_came() -> None:
    house = House()
    house.call_up()
    house.phone.in_dialog("ACK", cseq=1, branch="a2", headers=["Max-Breadth: many"])
    house.heard()
    assert header(house.trunk.got_request("ACK"), "max-breadth") == "many"
