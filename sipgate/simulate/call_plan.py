"""Who calls whom in one play, and how it goes: drawn from a seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from .calling_end import PlannedCall
from .fate import Fate

STARTS_UNTIL = 20.0  # seconds
REFUSALS = (404, 408, 480, 486, 487, 503, 600, 603, 302)


@dataclass(frozen=True, slots=True)
class Dialling:
    """Who may be called, and by whom."""

    callers: Sequence[str]
    numbers: Sequence[str]
    emergency: str | None


def draw_calls(random: Random, dialling: Dialling) -> list[PlannedCall]:
    """A few calls in the order of their start, some under a Call-ID and tag used before."""
    calls: list[PlannedCall] = []
    hurry = random.choice((0.5, 5.0, STARTS_UNTIL))
    for index in range(random.choice((1, 1, 2, 3, 4, 6, 9))):
        is_emergency = dialling.emergency is not None and random.random() < 0.12
        names = (b"call-%d" % index, b"tag-%d" % index)
        caller = random.choice(dialling.callers)
        if calls and random.random() < 0.15:
            earlier = random.choice(calls)  # the same names for another callee, or again
            names, caller = (earlier.call_id, earlier.from_tag), earlier.caller
        number = random.choice(dialling.numbers)
        if is_emergency:
            assert dialling.emergency is not None
            number = dialling.emergency
        calls.append(
            PlannedCall(
                at=random.uniform(0.0, hurry),
                caller=caller,
                number=number,
                call_id=names[0],
                from_tag=names[1],
                patience_seconds=random.choice((0.01, 0.4, 2.0, 8.0, 30.0, 400.0)),
                talk_seconds=random.choice((0.0, 0.05, 1.0, 6.0, 20.0)),
                reinvites_after=random.choice((None, None, None, 0.7, 4.0)),
                copies=random.choice((1, 1, 1, 1, 1, 1, 2, 3)),
                is_emergency=is_emergency,
                fate=Fate(do="answer") if is_emergency else draw_fate(random),
            )
        )
    return sorted(calls, key=lambda call: call.at)


def draw_fate(random: Random) -> Fate:
    """What the callee does."""
    ring = random.choice((0.0, 0.003, 0.3, 2.0, 9.0))
    is_challenged = random.random() < 0.1
    is_deaf = random.random() < 0.1
    drawn = random.random()
    if drawn < 0.6:
        return Fate(
            do="answer",
            ring_seconds=ring,
            talk_seconds=random.choice((None, None, 0.0, 0.5, 5.0)),
            forks=random.choice((1, 1, 1, 1, 2, 3)),
            is_deaf=is_deaf,
            is_challenged=is_challenged,
        )
    if drawn < 0.85:
        return Fate(
            do="refuse",
            ring_seconds=ring,
            code=random.choice(REFUSALS),
            is_deaf=is_deaf,
            is_challenged=is_challenged,
        )
    if drawn < 0.95:
        return Fate(do="ring", is_deaf=is_deaf)
    return Fate(do="silent")
