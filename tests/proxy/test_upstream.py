"""Which target a request goes to: order, turns, affinity, death and the last resort (design §6)."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sipgate.proxy import Change, Target, Upstream


def target(number: int) -> Target:
    return Target(
        transport="udp", host=f"10.9.0.{number}", port=5060, uri_hostport=b"carrier.example"
    )


A, B, C = target(1), target(2), target(3)


def upstream(*, rotates: bool = False, probe_seconds: float = 30.0) -> Upstream:
    return Upstream(name="carrier", targets=(A, B, C), rotates=rotates, probe_seconds=probe_seconds)


def tried(group: Upstream, now: float = 0.0, **wishes: object) -> list[str]:
    run = group.run(now, rotate=bool(wishes.pop("rotate", True)), **wishes)  # type: ignore[arg-type]
    found = []
    while (one := run.next(now)) is not None:
        found.append(one.host[-1])
    return found


def test_failover_tries_them_in_their_order() -> None:
    group = upstream()
    assert [tried(group) for _ in range(2)] == [["1", "2", "3"]] * 2


def test_round_robin_gives_each_its_turn_and_only_invites_rotate() -> None:
    group = upstream(rotates=True)
    assert Counter(tried(group)[0] for _ in range(9)) == {"1": 3, "2": 3, "3": 3}
    assert {tuple(tried(group, rotate=False)) for _ in range(4)} == {("1", "2", "3")}


def test_one_address_of_record_goes_to_one_of_the_living() -> None:
    group = upstream()
    aors = [f"sip:{n}@example.com".encode() for n in range(60)]
    before = {aor: tried(group, affinity=aor, rotate=False)[0] for aor in aors}
    assert set(before.values()) == {"1", "2", "3"}
    assert before == {aor: tried(group, affinity=aor, rotate=False)[0] for aor in aors}
    group.failed(A.key, 1.0)
    assert "1" not in {tried(group, 2.0, affinity=aor)[0] for aor in aors}


def test_the_target_that_challenged_comes_first() -> None:
    assert tried(upstream(), prefer=C.key) == ["3", "1", "2"]


def test_a_dead_one_is_passed_over_and_revives_with_any_response_but_503() -> None:
    group, changes = upstream(), list[tuple[str, Change]]()
    group.on_change(lambda _, one, change: changes.append((one.host[-1], change)))
    group.failed(A.key, 1.0)
    group.heard(A.key, 503, 2.0)
    assert tried(group, 3.0) == ["2", "3"]
    group.heard(A.key, 404, 4.0)
    assert tried(group, 5.0) == ["1", "2", "3"]
    assert changes == [("1", Change.DIED), ("1", Change.REVIVED)]


def test_an_emergency_tries_the_dead_ones_too() -> None:
    group = upstream()
    group.failed(A.key, 1.0)
    assert tried(group, 2.0, emergency=True) == ["2", "3", "1"]


def test_when_none_is_alive_the_one_untried_longest_is_tried_once_a_second() -> None:
    group = upstream()
    for one in (A, B, C):
        group.failed(one.key, 1.0)
    assert [tried(group, now) for now in (2.0, 2.5, 3.0, 4.0, 5.0)] == [
        ["1"],
        [],
        ["2"],
        ["3"],
        ["1"],
    ]


def test_without_probes_a_dead_one_has_another_chance_after_a_minute() -> None:
    group = upstream(probe_seconds=0.0)
    group.failed(A.key, 0.0)
    assert tried(group, 59.0) == ["2", "3"]
    assert tried(group, 60.0) == ["1", "2", "3"]


def test_silence_is_no_verdict_but_told() -> None:
    group, told = upstream(), list[Target]()
    group.on_silence(lambda one, now: told.append(one))
    group.silent(B.key, 1.0)
    assert told == [B]
    assert tried(group, 2.0) == ["1", "2", "3"]


def test_a_changed_answer_of_dns_keeps_who_is_dead_and_knows_former_addresses() -> None:
    group = upstream()
    group.failed(B.key, 1.0)
    group.adopt((B, C), 2.0)
    assert tried(group, 3.0) == ["3"]
    assert group.holds(A.host)
    group.adopt((C,), 3000.0)
    group.adopt((B, C), 3700.0)
    assert not group.holds(A.host)
    assert tried(group, 3701.0) == ["2", "3"]


def test_without_any_target_there_is_nothing_to_try() -> None:
    group = Upstream(name="carrier")
    assert tried(group) == []
    assert group.first_key == b""


@given(
    st.lists(st.tuples(st.sampled_from("fh3amp"), st.sampled_from([A, B, C])), max_size=40),
    st.booleans(),
)
def test_whatever_happens_each_living_target_is_tried_once(
    events: list[tuple[str, Target]], rotates: bool
) -> None:
    group, now = upstream(rotates=rotates), 0.0
    for event, one in events:
        now += 2.0
        match event:
            case "f":
                group.failed(one.key, now)
            case "h":
                group.heard(one.key, 200, now)
            case "3":
                group.heard(one.key, 503, now)
            case "a":
                group.probe_answered(one.key, 200, now)
            case "m":
                group.probe_missed(one.key, now)
            case _:
                group.adopt((A, B, C), now)
        living = {one.host[-1] for one in (A, B, C) if group.is_alive(one, now)}
        found = tried(group, now)
        assert len(found) == len(set(found))
        assert set(found) == living or (not living and len(found) == 1)
