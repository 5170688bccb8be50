"""Digits in INFO after the answer are a fact of the outcome (design §18)."""

import pytest

from .house import House


def dials(house: House, kind: str, body: str, number: int) -> None:
    house.phone.in_dialog(
        "INFO", cseq=number, branch=f"i{number}", headers=[f"Content-Type: {kind}"], body=body
    )
    house.heard()
    house.trunk.answers(200, method="INFO")
    house.heard()


def hangs_up(house: House) -> None:
    house.phone.in_dialog("BYE", cseq=99, branch="y1")
    house.heard()
    house.trunk.answers(200, method="BYE")


@pytest.mark.parametrize(
    ("kind", "bodies", "digits"),
    [
        ("application/dtmf-relay", ["Signal=1\r\nDuration=160\r\n", "Signal= 2\r\nDuration=1"], 2),
        ("application/DTMF-relay;x=1", ["signal=3"], 1),
        ("application/dtmf", ["4", "5", "56"], 4),
        ("application/dtmf-relay", ["Signal=#\r\nDuration=160", "Duration=160"], 0),
        ("application/media_control+xml", ["123"], 0),
    ],
)
def test_digits_that_the_caller_sends_are_counted(
    kind: str, bodies: list[str], digits: int
) -> None:
    house = House()
    house.call_up()
    for number, body in enumerate(bodies, 2):
        dials(house, kind, body, number)

    hangs_up(house)

    assert house.outcomes[-1].info_digits == digits


def test_digits_of_the_called_side_are_not_the_callers() -> None:
    house = House()
    house.call_up()
    house.trunk.back("INFO", headers=["Content-Type: application/dtmf"], body="1")
    house.heard()
    house.phone.answers(200, method="INFO")
    house.heard()

    hangs_up(house)

    assert house.outcomes[-1].info_digits == 0
