"""Who may speak, what is checked, and what is answered without asking anybody (design §5)."""

from .house import House


def test_an_allowed_call_goes_on_once_its_decision_is_on_disk() -> None:
    house = House()
    house.phone.calls()
    assert house.heard() == ["phone: SIP/2.0 100 Trying"]
    house.writes()
    assert house.heard() == ["trunk: INVITE sip:+13055550001@10.9.0.9:5080 SIP/2.0"]
    house.trunk.answers(180)
    house.trunk.answers(200)
    assert house.heard() == ["phone: SIP/2.0 180 X", "phone: SIP/2.0 200 X"]
    house.phone.in_dialog("ACK", cseq=1, branch="a1")
    house.phone.in_dialog("BYE")
    assert house.heard() == [
        "trunk: ACK sip:callee@10.9.0.9:5080 SIP/2.0",
        "trunk: BYE sip:callee@10.9.0.9:5080 SIP/2.0",
    ]
    house.trunk.answers(200, method="BYE")
    assert house.heard() == ["phone: SIP/2.0 200 X"]
    assert [outcome.kind for outcome in house.outcomes] == ["answered"]
    house.waits(45)
    assert house.leftovers() == {}
