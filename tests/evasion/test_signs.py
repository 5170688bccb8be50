"""What gives a dialer away who dials through something else (design §18)."""

from tests.proxy.house import House

from .verdict import verdicts

DIALER = (
    "[{id: machine, dialer: {per: caller, score: 0.3, weights: {user-agent: 0.9}},"
    " then: {tag: {X-Dialer: '{signs}'}}}]"
)
TRUST = (
    "[{id: suspended, trust: {per: caller, below: 96}, then: {reject: 403}},"
    " {id: cap, rate: {per: callee, limit: 1, window: 1h}, then: {reject: 403}}]"
)


def test_a_number_dialled_on_after_the_answer_is_a_sign() -> None:
    house = House(rules=DIALER)
    for call in range(3):
        house.call_up(call_id=f"c{call}", branch=f"x{call}")
        for place, digits in enumerate(("0190", "555"), 2):
            house.phone.in_dialog(
                "INFO",
                cseq=place,
                branch=f"i{call}{place}",
                headers=["Content-Type: application/dtmf"],
                body=digits,
            )
            house.heard()
            house.trunk.answers(200, method="INFO")
            house.heard()
        house.phone.in_dialog("BYE", cseq=9, branch=f"y{call}")
        house.heard()
        house.trunk.answers(200, method="BYE")
        house.heard()
        house.waits(30)
    house.phone.calls(call_id="c9", branch="x9")
    house.writes()

    assert house.decisions[-1].tags == {"X-Dialer": "digits 1.0"}


def test_another_number_in_to_is_a_sign() -> None:
    house = House(rules=DIALER)
    for call in range(4):
        house.phone.calls(call_id=f"c{call}", branch=f"x{call}", to="sip:+13055550077@10.0.0.1")
        house.writes()
        house.waits(60)

    assert house.decisions[-1].tags == {"X-Dialer": "to 1.0"}


def test_another_cli_each_time_is_a_sign_where_the_caller_is_known() -> None:
    house = House(rules=DIALER, source="trusted = true", identity='["p-asserted-identity"]')
    for call in range(7):
        house.phone.calls(
            call_id=f"c{call}",
            branch=f"x{call}",
            from_user=f"+1202555010{call}",
            headers=["P-Asserted-Identity: <sip:4711@10.0.0.1>"],
        )
        house.writes()
        house.waits(60)

    assert {entry.caller for entry in house.decisions} == {"hq/4711"}
    assert house.decisions[-1].tags == {"X-Dialer": "clis 1.0"}


def test_redialling_at_once_on_every_refusal_costs_the_standing() -> None:
    house = House(rules=TRUST)
    for call in range(5):
        house.phone.calls(call_id=f"c{call}", branch=f"x{call}")
        house.writes()

    assert [(verdict, rule) for _, verdict, rule in verdicts(house)] == [
        ("allow", None),
        ("reject", "cap"),
        ("reject", "cap"),
        ("reject", "cap"),
        ("reject", "suspended"),
    ]
