"""The score against a slow and obvious model, and each sign by itself."""

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import floor, isqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipgate.counters import (
    SIGNS,
    BehaviourSettings,
    Check,
    Definition,
    Ended,
    Facts,
    MemoryCounters,
    Moves,
    Question,
    Seen,
    SlidingWindow,
    StepQuestion,
)
from sipgate.counters.behaviour import Behaviour

SECOND = 1_000_000
WINDOW = 600 * SECOND
WEIGHTS = (500, 500, 400, 700, 600, 150, 600, 600, 300, 600, 300, 500, 600, 900, 500)


def definition(weights: tuple[int, ...] = WEIGHTS, window: int = WINDOW) -> Definition:
    told = BehaviourSettings(weights=weights, user_agents=("MicroSIP*", "*autodial*"))
    return Definition(
        name=f"behaviour {window} {told!r}",
        moves=Moves.BEHAVIOUR,
        window=SlidingWindow(window),
        capacity=1000,
        settings=told,
    )


def facts(
    callee: str = "+13055550000",
    *,
    cli: str | None = None,
    user_agent: str | None = None,
    to_differs: bool = False,
) -> Facts:
    kind = "number" if callee.startswith("+") else "unreadable"
    return Facts(callee, kind, cli, user_agent, to_differs)


@dataclass
class Happened:
    at: int
    what: Facts | Ended


@dataclass
class Model:
    """Remembers all and computes each score anew, with fractions."""

    weights: tuple[int, ...]
    window: int
    events: list[Happened] = field(default_factory=list)

    def score(self, now: int) -> tuple[int, str]:
        live = [one for one in self.events if one.at > now - self.window]
        attempts = [one for one in live if isinstance(one.what, Facts)][-32:]
        ends = [one.what for one in live if isinstance(one.what, Ended)][-32:]
        answered = [
            one.what for one in live if isinstance(one.what, Ended) and one.what.kind == "answered"
        ][-64:]
        strengths = self.of_attempts(attempts, now) | of_ends(ends) | of_answered(answered)
        order = [
            "speed",
            *(sign for sign in SIGNS if sign != "speed"),
        ]
        rest = 10**9
        for sign in [*order[1:], "speed"]:
            rest = rest * (10**6 - self.weights[SIGNS.index(sign)] * strengths[sign]) // 10**6
        said = [
            f"{sign} {(strengths[sign] + 50) // 100 / 10:.1f}"
            for sign in order
            if strengths[sign] >= 50 and self.weights[SIGNS.index(sign)]
        ]
        return (10**9 - rest) // 10**6, ", ".join(said)

    def of_attempts(self, attempts: list[Happened], now: int) -> dict[str, int]:
        seen = [one.what for one in attempts if isinstance(one.what, Facts)]
        count = len(seen)
        pairs = list(pairwise(attempts))
        gaps = [(later.at - earlier.at) // 1000 for earlier, later in pairs]
        idles = [idle for pair in pairs if (idle := self.idle(*pair)) is not None]
        steps = [step(earlier.what, later.what) for earlier, later in pairs]
        redials = [
            earlier.what.callee == later.what.callee and later.at - earlier.at <= 5 * SECOND
            for earlier, later in pairs
            if isinstance(earlier.what, Facts) and isinstance(later.what, Facts)
        ]
        agents = [one.user_agent or "" for one in seen]
        machines = [a.lower().startswith("microsip") or "autodial" in a.lower() for a in agents]
        near = [one.cli is not None and neighbours(one.cli, one.callee) for one in seen]
        speed = 0
        if count >= 8:
            span = max(1, (now - attempts[-8].at) // 1000)
            speed = ramp(8 * 60_000_000 // span, 3000, 6000)
        return {
            "user-agent": ramp_of_share(machines, 1, 0, 1000),
            "speed": speed,
            "spacing": max(regular(gaps), regular(idles)),
            "consecutive": ramp_of_share([s is not None and 1 <= s <= 3 for s in steps], 5),
            "redials": ramp_of_share(redials, 5, 300, 700),
            "distinct": 0
            if count < 12
            else ramp(1000 * len({one.callee for one in seen}) // count, 850, 950),
            "clis": ramp(len({one.cli for one in seen if one.cli is not None}), 2, 6),
            "neighbour": ramp_of_share(near, 6, 300, 800),
            "to": ramp_of_share([one.to_differs for one in seen], 3, 100, 500),
        }

    def idle(self, earlier: Happened, later: Happened) -> int | None:
        before = self.events[: next(i for i, one in enumerate(self.events) if one is later)]
        ends = [one.at for one in before if isinstance(one.what, Ended)]
        return (later.at - ends[-1]) // 1000 if ends and ends[-1] >= earlier.at else None


def of_ends(ends: list[Ended]) -> dict[str, int]:
    cancels = [one for one in ends if one.kind == "cancelled"]
    invalid = [one.kind == "failed" and one.status in (404, 484, 604) for one in ends]
    rings = [one.ring_ms for one in cancels if one.ring_ms is not None]
    early = [one in cancels and (one.ring_ms or 0) < 15_000 for one in ends]
    is_enough = len(cancels) >= 5
    often = ramp(1000 * len(cancels) // len(ends), 300, 600) if is_enough else 0
    return {
        "invalid": ramp_of_share(invalid, 8, 80, 200),
        "cancels": close(rings) * often // 1000,
        "early-cancels": ramp_of_share(early, 5, 300, 700) if is_enough else 0,
    }


def of_answered(answered: list[Ended]) -> dict[str, int]:
    talks = [
        one.talk_ms if one.ended_by in ("caller", "callee") and one.talk_ms is not None else 10**9
        for one in answered
    ]
    left = [
        talk <= 4000 and one.ended_by == "caller" for talk, one in zip(talks, answered, strict=True)
    ]
    return {
        "short-calls": ramp_of_share([talk <= 6000 for talk in talks], 6, 300, 700),
        "abandoned": ramp_of_share(left, 40, 60, 140),
        "digits": ramp_of_share([one.info_digits >= 7 for one in answered], 3),
    }


def ramp(value: int, none: int, full: int) -> int:
    return floor(1000 * min(Fraction(1), max(Fraction(0), Fraction(value - none, full - none))))


def ramp_of_share(found: list[bool], least: int, none: int = 200, full: int = 600) -> int:
    return ramp(1000 * sum(found) // len(found), none, full) if len(found) >= least else 0


def deviations(durations: list[int]) -> int:
    """The standard deviation, as often as there are durations."""
    n = len(durations)
    mean = Fraction(sum(durations), n)
    variance = sum((duration - mean) ** 2 for duration in durations) / n
    return isqrt(floor(variance * n * n))


def regular(gaps: list[int]) -> int:
    if len(gaps) < 7:
        return 0
    return 1000 - ramp(1000 * deviations(gaps) // sum(gaps), 150, 500) if sum(gaps) else 1000


def close(rings: list[int]) -> int:
    return 1000 - ramp(deviations(rings) // len(rings), 700, 2500) if len(rings) >= 5 else 0


def step(earlier: Facts | Ended, later: Facts | Ended) -> int | None:
    assert isinstance(earlier, Facts)
    assert isinstance(later, Facts)
    if {earlier.callee_kind, later.callee_kind} != {"number"}:
        return None
    return abs(int(later.callee[1:]) - int(earlier.callee[1:]))


def neighbours(cli: str, callee: str) -> bool:
    return len(cli) == len(callee) > 8 and cli != callee and cli[:-4] == callee[:-4]


callees = st.one_of(
    st.integers(0, 5).map(lambda n: f"+1305555000{n}"),
    st.integers(0, 9999).map(lambda n: f"+1305555{n:04d}"),
    st.sampled_from(["+493090182", "nobody", "4711"]),
)
attempts = st.builds(
    facts,
    callees,
    cli=st.one_of(st.none(), st.integers(0, 9).map(lambda n: f"+1305555777{n}")),
    user_agent=st.sampled_from([None, "deskphone", "MicroSIP/3.21", "Acme AutoDialer"]),
    to_differs=st.booleans(),
)
durations = st.one_of(
    st.none(), st.integers(0, 30_000), st.integers(6000, 6500), st.integers(1000, 3000)
)
ends = st.builds(
    Ended,
    st.sampled_from(["answered", "answered", "cancelled", "cancelled", "failed", "busy", "lost"]),
    st.sampled_from([None, 200, 404, 484, 487, 500]),
    durations,
    durations,
    st.sampled_from([None, "caller", "callee", "gate", "lost"]),
    st.booleans(),
    st.sampled_from([0, 0, 6, 7]),
)
pauses = st.sampled_from([0, 1, 300_000, 2 * SECOND, 3 * SECOND, 9 * SECOND, 70 * SECOND, WINDOW])


@settings(deadline=None)
@given(st.lists(st.tuples(pauses, st.one_of(attempts, ends)), min_size=1, max_size=120))
def test_the_score_is_that_of_a_model_that_forgets_nothing(
    happened: list[tuple[int, Facts | Ended]],
) -> None:
    wanted = definition()
    check = Check(wanted, "k", "", 800, True)
    watch, model = Behaviour(wanted), Model(WEIGHTS, WINDOW)
    now = 0
    for pause, what in happened:
        now += pause
        score, signs = model.score(now)
        seen = watch.see(check, facts(), now, now)
        assert (seen.counted, seen.values) == (score, {"score": score, "signs": signs})
        assert seen.held is (score >= 800)
        play(watch, check, what, now)
        model.events.append(Happened(now, what))


@settings(deadline=None)
@given(st.lists(st.tuples(pauses, st.one_of(attempts, ends)), min_size=1, max_size=90), st.data())
def test_what_is_older_than_the_window_leaves_no_trace_so_a_rebuild_is_exact(
    happened: list[tuple[int, Facts | Ended]], data: st.DataObject
) -> None:
    wanted = definition()
    check = Check(wanted, "k", "", 800, True)
    whole, rebuilt = Behaviour(wanted), Behaviour(wanted)
    times, now = [], 0
    for pause, what in happened:
        now += pause
        times.append((now, what))
        play(whole, check, what, now)
    now += data.draw(pauses)
    for at, what in times:
        if at > now - WINDOW:
            play(rebuilt, check, what, at)
    assert (
        rebuilt.see(check, facts(), now, now).values == whole.see(check, facts(), now, now).values
    )


def play(watch: Behaviour, check: Check, what: Facts | Ended, now: int) -> None:
    if isinstance(what, Facts):
        watch.decided(check, what, True, False, now, now)
    else:
        watch.ended(check, what, now, now)


def only(sign: str) -> tuple[Behaviour, Check]:
    """A watch for which nothing but this sign counts, and that wholly."""
    wanted = definition(tuple(1000 if one == sign else 0 for one in SIGNS))
    return Behaviour(wanted), Check(wanted, "k", "", 800, True)


class Line:
    """A caller whose next attempts and ends are told to a watch."""

    def __init__(self, sign: str) -> None:
        self.watch, self.check = only(sign)
        self.now = 0

    def attempt(self, made: Facts, seconds: float = 30.0) -> None:
        self.now += round(seconds * SECOND)
        self.watch.decided(self.check, made, True, False, self.now, self.now)

    def end(self, ended: Ended, seconds: float = 0.0) -> None:
        self.now += round(seconds * SECOND)
        self.watch.ended(self.check, ended, self.now, self.now)

    def seen(self, seconds: float = 0.0) -> Seen:
        now = self.now + round(seconds * SECOND)
        return self.watch.see(self.check, facts(), now, now)


def test_a_user_agent_speaks_by_its_share_of_the_attempts() -> None:
    line = Line("user-agent")
    line.attempt(facts(user_agent="microsip/3.21.6"))
    line.attempt(facts(user_agent="deskphone"))
    assert line.seen().values == {"score": 500, "signs": "user-agent 0.5"}


@pytest.mark.parametrize(("every", "score"), [(30.0, 0), (13.4, 500), (9.6, 1000)])
def test_speed_is_measured_over_the_latest_eight_gaps(every: float, score: int) -> None:
    line = Line("speed")
    for _ in range(8):
        line.attempt(facts(), every)
    assert line.seen(every).counted == pytest.approx(score, abs=10)


def test_a_pause_slows_down() -> None:
    line = Line("speed")
    for _ in range(20):
        line.attempt(facts(), 1.0)
    assert line.seen(1.0).counted == 1000
    assert line.seen(160.0).counted == 0


def test_spacing_is_regular_from_start_to_start() -> None:
    line = Line("spacing")
    for _ in range(8):
        line.attempt(facts(), 9.6)
    assert line.seen().values == {"score": 1000, "signs": "spacing 1.0"}


def test_spacing_is_regular_from_an_end_to_the_next_start_too() -> None:
    line = Line("spacing")
    for seconds in (5, 60, 9, 47, 22, 3, 80, 31, 12):
        line.attempt(facts(), 3.0)
        line.end(Ended("answered", 200, 2000, seconds * 1000, "callee"), seconds)
    assert line.seen().counted == 1000


def test_people_are_irregular() -> None:
    line = Line("spacing")
    for seconds in (5, 60, 9, 147, 22, 3, 80, 31, 12):
        line.attempt(facts(), seconds)
        line.end(Ended("answered", 200, 2000, 20_000, "callee"), 20.0)
    assert line.seen().counted == 0


def test_numbers_one_after_the_other_are_consecutive() -> None:
    line = Line("consecutive")
    for number in range(6):
        line.attempt(facts(f"+1305555000{number}"))
    assert line.seen().values == {"score": 1000, "signs": "consecutive 1.0"}


def test_the_same_number_again_is_not_consecutive_but_a_redial_if_it_is_at_once() -> None:
    slow, fast, steps = Line("redials"), Line("redials"), Line("consecutive")
    for _ in range(6):
        slow.attempt(facts(), 5.1)
        fast.attempt(facts(), 5.0)
        steps.attempt(facts(), 5.0)
    assert (slow.seen().counted, fast.seen().counted, steps.seen().counted) == (0, 1000, 0)


def test_always_somebody_else_is_distinct() -> None:
    line = Line("distinct")
    for number in range(12):
        line.attempt(facts(f"+1305555{number * 7:04d}"))
    assert line.seen().counted == 1000


def test_a_caller_with_six_clis_rotates() -> None:
    line = Line("clis")
    for number in range(6):
        line.attempt(facts(cli=f"+1202555000{number}"))
    assert line.seen().values == {"score": 1000, "signs": "clis 1.0"}


def test_a_cli_beside_the_callees_number_is_a_neighbours() -> None:
    line = Line("neighbour")
    for number in range(6):
        line.attempt(facts(f"+1305{number}550000", cli=f"+1305{number}559876"))
    assert line.seen().counted == 1000


def test_a_number_that_calls_itself_is_no_neighbour() -> None:
    line = Line("neighbour")
    for _ in range(6):
        line.attempt(facts("+13055550000", cli="+13055550000"))
    assert line.seen().counted == 0


def test_another_number_in_to_speaks() -> None:
    line = Line("to")
    for _ in range(3):
        line.attempt(facts(to_differs=True))
    assert line.seen().counted == 1000


@pytest.mark.parametrize(("status", "score"), [(404, 1000), (484, 1000), (604, 1000), (500, 0)])
def test_numbers_that_do_not_exist_are_invalid(status: int, score: int) -> None:
    line = Line("invalid")
    for place in range(8):
        line.end(Ended("failed", status) if place % 2 else Ended("busy", 486))
    assert line.seen().counted == score


def test_calls_given_up_after_the_same_ringing_are_a_machines() -> None:
    machine, person = Line("cancels"), Line("cancels")
    for place in range(6):
        machine.end(Ended("cancelled", 487, 18_000 + 100 * place, None, None, True))
        person.end(Ended("cancelled", 487, 12_000 + 3000 * place, None, None, True))
    assert (machine.seen().counted, person.seen().counted) == (1000, 0)


def test_ringing_that_is_cut_off_before_fifteen_seconds_is_early() -> None:
    early, patient = Line("early-cancels"), Line("early-cancels")
    for _ in range(5):
        early.end(Ended("cancelled", 487, 14_999, None, None, True))
        patient.end(Ended("cancelled", 487, 15_000, None, None, True))
    assert (early.seen().counted, patient.seen().counted) == (1000, 0)


def test_short_calls_speak_whoever_ends_them_but_not_those_that_were_lost() -> None:
    short, lost = Line("short-calls"), Line("short-calls")
    for _ in range(6):
        short.end(Ended("answered", 200, 2000, 6000, "callee"))
        lost.end(Ended("answered", 200, 2000, 6000, "lost"))
    assert (short.seen().counted, lost.seen().counted) == (1000, 0)


def test_one_in_five_abandoned_of_forty_answered_is_certain() -> None:
    line = Line("abandoned")
    for place in range(40):
        talk_ms = 3000 if place % 5 == 0 else 40_000
        line.end(Ended("answered", 200, 2000, talk_ms, "caller"))
    assert line.seen().values == {"score": 1000, "signs": "abandoned 1.0"}


def test_digits_sent_on_after_the_answer_are_a_calling_cards() -> None:
    line = Line("digits")
    for _ in range(3):
        line.end(Ended("answered", 200, 2000, 40_000, "caller", False, 11))
    assert line.seen().counted == 1000


def test_two_signs_of_half_certainty_are_three_quarters() -> None:
    weights = [0] * len(SIGNS)
    weights[SIGNS.index("user-agent")] = weights[SIGNS.index("to")] = 500
    wanted = definition(tuple(weights))
    watch, check = Behaviour(wanted), Check(wanted, "k", "", 750, True)
    for now in range(3):
        made = facts(user_agent="MicroSIP/3", to_differs=True)
        watch.decided(check, made, False, False, now, now)
    seen = watch.see(check, facts(), 3, 3)
    assert (seen.held, seen.values) == (
        True,
        {"score": 750, "signs": "user-agent 1.0, to 1.0"},
    )


def test_keys_are_apart_and_vanish_when_their_window_has_passed() -> None:
    wanted = definition()
    watch = Behaviour(wanted)
    for number in range(100):
        check = Check(wanted, f"k{number}", "", 800, True)
        watch.decided(check, facts(user_agent="MicroSIP/3"), True, False, number, number)
    assert len(watch) == 100
    assert watch.see(Check(wanted, "k7", "", 500, True), facts(), 100, 0).counted == 500
    assert watch.see(Check(wanted, "other", "", 500, True), facts(), 100, 0).counted == 0
    for now in range(WINDOW + 100, WINDOW + 160):
        watch.decided(Check(wanted, "k", "", 800, True), facts(), True, False, now, now)
    assert len(watch) == 1


def test_a_key_remembers_no_more_however_long_it_goes_on() -> None:
    wanted = definition()
    watch, check = Behaviour(wanted), Check(wanted, "k", "", 800, True)
    for now in range(2000):
        made = facts(f"+1305555{now:04d}", cli=f"+1202555{now:04d}")
        watch.decided(check, made, True, False, now, now)
        watch.ended(check, Ended("answered", 200, 0, 0, "caller"), now, now)
    recent = watch._recent_by_key["k"]
    kept = (recent._attempts, recent._ends, recent._answered)
    assert [len(one) for one in kept] == [32, 32, 64]
    assert len(recent._attempts_by_callee) == len(recent._attempts_by_cli) == 32


def test_counters_keep_a_watch_over_a_reload_and_tell_it_of_ends() -> None:
    wanted = definition()
    counters = MemoryCounters()
    step = StepQuestion("no", None, (Check(wanted, "k", "", 400, True),))
    for now in range(3):
        made = facts(user_agent="MicroSIP/3")
        seen = counters.check_and_count(Question(now, now, [step], made)).seen[0]
    assert seen is not None
    assert seen.held
    counters.replace([wanted], MemoryCounters())
    assert counters.ended(Question(3, 3, [step]), Ended("busy", 486)) == []
    assert len(counters) == 1
