"""Ringing, cancelling, redialling, all at once (design §18)."""

from tests.proxy.house import House

from .verdict import reached, verdicts

STORMS = """[
{id: storm, rate: {per: caller, limit: 5, window: 60s, count: rejected},
 then: {reject: 603, retry-after: opening}},
{id: pace, rate: {per: caller, limit: 1, window: 10s, count: admitted}, then: {reject: 480}}]"""
ONE_LINE = "[{id: lines, concurrent: {per: caller, limit: 1}, then: {reject: 486}}]"


def test_ring_once_and_cancel_counts_each_time(capped: House) -> None:
    for number in range(1, 5):
        fields = {"call_id": f"c{number}", "branch": f"x{number}"}
        capped.phone.calls(**fields)
        capped.writes()
        capped.heard()
        if number < 3:
            capped.trunk.answers(180)
            capped.phone.asks("CANCEL", "sip:+13055550001@10.0.0.1:5060", **fields)  # type: ignore[arg-type]
            capped.heard()
            capped.trunk.answers(487)
            capped.heard()

    assert [verdict for _, verdict, _ in verdicts(capped)] == ["allow", "allow"] + ["reject"] * 2
    assert [outcome.kind for outcome in capped.outcomes] == ["cancelled", "cancelled"]


def test_a_cancel_before_the_decision_is_written_counts_too(capped: House) -> None:
    for number in range(1, 4):
        fields = {"call_id": f"c{number}", "branch": f"x{number}"}
        capped.phone.calls(**fields)
        capped.phone.asks("CANCEL", "sip:+13055550001@10.0.0.1:5060", **fields)  # type: ignore[arg-type]
        capped.writes()

    assert reached(capped) == []
    assert verdicts(capped)[-1] == ("+13055550001", "reject", "cap")


def test_a_burst_before_the_first_count_is_written_is_counted(capped: House) -> None:
    for number in range(20):
        capped.phone.calls(f"+130555500{10 + number}", call_id=f"c{number}", branch=f"x{number}")
    capped.writes()

    assert len(reached(capped)) == 2
    assert len(capped.decisions) == 20


def test_redialling_at_once_after_a_refusal_stays_refused(capped: House) -> None:
    for number in range(1, 8):
        capped.phone.calls(call_id=f"c{number}", branch=f"x{number}")
        capped.writes()

    assert [verdict for _, verdict, _ in verdicts(capped)].count("allow") == 2


def test_redialling_for_ever_gets_dearer_and_each_time_is_on_record() -> None:
    house = House(STORMS)
    for number in range(50):
        house.phone.calls(call_id=f"c{number}", branch=f"x{number}")
        house.writes()
        house.waits(1)
    house.phone.calls("+13055550002", call_id="other", branch="other")  # another number, too
    house.writes()
    house.heard()

    told = [(entry.rule, entry.code) for entry in house.decisions]
    assert told == [(None, None)] + [("pace", 480)] * 5 + [("storm", 603)] * 45
    assert int(house.phone.got_response(603).first(b"retry-after") or b"0") >= 55


def test_who_is_silent_for_as_long_as_told_is_let_through() -> None:
    house = House(STORMS)
    for number in range(8):
        house.phone.calls(call_id=f"c{number}", branch=f"x{number}")
        house.writes()
    house.heard()
    house.waits(int(house.phone.got_response(603).first(b"retry-after") or b"0"))
    house.phone.calls(call_id="late", branch="late")
    house.writes()

    assert verdicts(house)[-1] == ("+13055550001", "allow", None)


def test_hanging_up_in_the_callees_name_frees_no_line() -> None:
    house = House(ONE_LINE)
    house.call_up()
    route = house.trunk.got_request("INVITE").values(b"record-route")[0].decode()
    house.phone.asks(
        "BYE",
        "sip:4711@10.1.0.7:5060",
        from_tag="t1",
        to_tag="f1",
        branch="y1",
        headers=[f"Route: {route}"],
    )
    house.heard()
    house.phone.answers(200, method="BYE")

    house.phone.calls("+13055550002", call_id="c2", branch="x2")
    house.writes()

    assert verdicts(house)[-1] == ("+13055550002", "reject", "lines")
