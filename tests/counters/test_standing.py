"""The standing against a slow and obvious model, and its events one by one."""

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipgate.counters import (
    Change,
    Check,
    Definition,
    Ended,
    Facts,
    Moves,
    SlidingWindow,
    StandingSettings,
)
from sipgate.counters.standing import Standing

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
NOBODY = Facts("+13055550000", "number", None, None, False)
USUAL = StandingSettings(
    refused=4000,
    rejected=2000,
    short_call=1000,
    early_cancel=1000,
    good_call=2000,
    fast_us=HOUR,
    slow_us=7 * DAY,
)
REFUSED = Ended("refused", 603, 4000)
GOOD = Ended("answered", 200, 4000, 30_000, "callee")


def definition(told: StandingSettings = USUAL) -> Definition:
    return Definition(
        name=f"standing {told!r}",
        moves=Moves.STANDING,
        window=SlidingWindow(told.horizon_us),
        capacity=1,
        settings=told,
    )


class Line:
    """One caller's events on a clock that moves when told."""

    def __init__(self, told: StandingSettings = USUAL, *, booted: int = 0) -> None:
        self.wanted = definition(told)
        self.watch = Standing(self.wanted)
        self.now = 0
        self._booted = booted  # what the boot's clock shows at the calendar's 0

    @property
    def since_boot(self) -> int:
        return self.now + self._booted

    def check(self, below: int = 50, key: str = "k") -> Check:
        return Check(self.wanted, key, "", below, True)

    def wait(self, microseconds: int) -> None:
        self.now += microseconds

    def reject(self, *, is_own: bool = False) -> Change | None:
        return self.watch.decided(self.check(), NOBODY, False, is_own, self.since_boot, self.now)

    def end(self, ended: Ended) -> Change | None:
        return self.watch.ended(self.check(), ended, self.since_boot, self.now)

    @property
    def standing(self) -> int:
        return self.watch.see(self.check(), NOBODY, self.since_boot, self.now).counted


@dataclass
class Model:
    """Remembers every fault and good call for ever, and plays them again for each look."""

    told: StandingSettings
    moves: list[tuple[int, int]] = field(default_factory=list)  # time, points; good ones negative

    def standing(self, now: int) -> int:
        lost = sum(
            ceil(self.left(now, length, share))
            for length, share in ((self.told.fast_us, 750), (self.told.slow_us, 250))
        )
        return max(0, (100_000 - lost) // 1000)

    def left(self, now: int, length: int, share: int) -> Fraction:
        faults: list[list[int]] = []  # time, points
        for at, points in self.moves:
            slow = abs(points) * 250 // 1000
            part = slow if share == 250 else abs(points) - slow
            faults = [fault for fault in faults if fault[0] > at - length]
            if points < 0:
                while faults and part:
                    paid = min(part, faults[-1][1])
                    part -= paid
                    faults[-1][1] -= paid
                    if faults[-1][1] == 0:
                        faults.pop()
                continue
            if faults and faults[-1][0] // (length // 64) == at // (length // 64):
                before = faults.pop()[1]
                part = max(part, before, min(part + before, 20_000))
            faults.append([at, part])
        return sum(
            (
                Fraction(points * (length - (now - at)), length)
                for at, points in faults
                if now - at < length
            ),
            Fraction(0),
        )


events = st.sampled_from(["refused", "rejected", "short", "early", "good", "good", "nothing"])
pauses = st.one_of(
    st.sampled_from([0, 1, SECOND, 60 * SECOND, HOUR, DAY, 7 * DAY, 8 * DAY]),
    st.integers(0, 2 * HOUR),
)


def tell(line: Line, event: str) -> Change | None:
    match event:
        case "refused":
            return line.end(REFUSED)
        case "rejected":
            return line.reject()
        case "short":
            return line.end(Ended("answered", 200, 0, 6000, "caller"))
        case "early":
            return line.end(Ended("cancelled", 487, 14_999, None, None, True))
        case "good":
            return line.end(GOOD)
    return line.end(Ended("busy", 486))


POINTS = {"refused": 4000, "rejected": 2000, "short": 1000, "early": 1000, "good": -2000}


@settings(deadline=None)
@given(st.lists(st.tuples(pauses, events), max_size=100))
def test_the_standing_is_that_of_a_model_that_forgets_nothing(
    happened: list[tuple[int, str]],
) -> None:
    line, model = Line(), Model(USUAL)
    for pause, event in happened:
        line.wait(pause)
        before = model.standing(line.now)
        assert line.standing == before
        change = tell(line, event)
        if event in POINTS:
            model.moves.append((line.now, POINTS[event]))
        after = model.standing(line.now)
        assert line.standing == after
        assert (change is None) is (before == after)
        if change is not None:
            assert change[:3] == ("k", before, after)


@settings(deadline=None)
@given(st.lists(st.tuples(pauses, events), max_size=60), pauses)
def test_what_is_older_than_the_horizon_leaves_no_trace_so_a_rebuild_is_exact(
    happened: list[tuple[int, str]], pause: int
) -> None:
    whole, rebuilt = Line(), Line(booted=-12_345_678_901)  # after a reboot
    times = []
    for wait, event in happened:
        whole.wait(wait)
        times.append((whole.now, event))
        tell(whole, event)
    whole.wait(pause)
    for at, event in times:
        if at > whole.now - USUAL.horizon_us:
            rebuilt.now = at
            tell(rebuilt, event)
    rebuilt.now = whole.now
    assert rebuilt.standing == whole.standing


def test_who_has_done_nothing_stands_at_100() -> None:
    line = Line()
    assert line.standing == 100
    assert line.end(GOOD) is None
    assert len(line.watch) == 0


@pytest.mark.parametrize(
    ("ended", "change"),
    [
        (REFUSED, Change("k", 100, 96, "refused by the callee")),
        (Ended("answered", 200, 0, 6000, "callee"), Change("k", 100, 99, "a call of 6 s")),
        (Ended("answered", 200, 0, 6001, "callee"), None),
        (Ended("answered", 200, 0, 0, "lost"), None),
        (Ended("cancelled", 487, 3999), Change("k", 100, 99, "given up after 3 s of ringing")),
        (Ended("cancelled", 487, 15_000), None),
        (Ended("busy", 486), None),
        (Ended("unanswered", 480, 30_000), None),
        (Ended("failed", 404), None),
    ],
    ids=lambda value: value.kind if isinstance(value, Ended) else None,
)
def test_each_fault_has_its_points_and_its_reason(ended: Ended, change: Change | None) -> None:
    assert Line().end(ended) == change


def test_a_reject_by_another_rule_is_a_fault_and_one_by_this_standing_is_not() -> None:
    line = Line()
    assert line.reject(is_own=True) is None
    assert line.reject() == Change("k", 100, 98, "refused by a rule")


def test_three_quarters_fade_in_an_hour_and_the_rest_in_a_week() -> None:
    line = Line()
    for _ in range(5):
        line.end(REFUSED)
    assert line.standing == 80
    line.wait(HOUR // 2)
    assert line.standing == 87  # 15 / 2 + 5 x (336 - 1) / 336
    line.wait(HOUR // 2)
    assert line.standing == 95
    line.wait(7 * DAY - HOUR - 1)
    assert line.standing == 99
    line.wait(1)
    assert line.standing == 100


def test_a_good_call_makes_up_for_the_latest_fault_and_saves_nothing_up() -> None:
    line = Line()
    line.end(REFUSED)
    assert line.end(GOOD) == Change("k", 96, 98, "a call of 30 s")
    line.end(GOOD)
    line.end(GOOD)
    assert line.standing == 100
    line.end(REFUSED)
    assert line.standing == 96


@pytest.mark.parametrize("ended_by", ["lost", "gate"])
def test_a_call_without_a_bye_is_no_good_one(ended_by: str) -> None:
    line = Line()
    line.end(REFUSED)

    assert line.end(Ended("answered", 200, 4000, 14_400_000, ended_by)) is None
    assert line.standing == 96


def test_a_phone_gone_wild_for_a_minute_does_not_lose_all() -> None:
    line = Line()
    for _ in range(1000):
        line.reject()
        line.wait(SECOND // 100)
    assert line.standing == 60
    for _ in range(1000):
        line.reject()
        line.wait(SECOND)
    assert line.standing == 0


def test_no_more_than_65_faults_are_kept_in_a_part() -> None:
    line = Line()
    for _ in range(20_000):
        line.reject()
        line.wait(60 * SECOND)
    faults = line.watch._faults_by_key["k"]
    assert len(faults._fast._lost) <= 65
    assert len(faults._slow._lost) <= 65


def test_keys_are_apart_and_vanish_when_all_is_forgiven() -> None:
    line = Line()
    for number in range(100):
        line.watch.ended(line.check(key=f"k{number}"), REFUSED, number, 0)
    assert len(line.watch) == 100
    assert line.watch.see(line.check(97, "k3"), NOBODY, 99, 0).held
    assert not line.watch.see(line.check(97, "other"), NOBODY, 99, 0).held
    line.wait(7 * DAY + 100)
    for _ in range(60):
        line.end(REFUSED)
    assert len(line.watch) == 1


def test_a_key_of_several_parts_is_named_with_commas() -> None:
    line = Line()
    check = Check(line.wanted, ("hq/1", "loans"), "", 50, True)
    change = line.watch.ended(check, REFUSED, 0, 0)
    assert change is not None
    assert change.subject == "hq/1, loans"


def test_what_weighs_nothing_is_not_remembered() -> None:
    line = Line(
        StandingSettings(
            refused=0,
            rejected=0,
            short_call=0,
            early_cancel=0,
            good_call=0,
            fast_us=HOUR,
            slow_us=DAY,
        )
    )
    assert [line.end(REFUSED), line.reject(), line.end(GOOD)] == [None, None, None]
    assert len(line.watch) == 0
