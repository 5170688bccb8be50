"""What goes wrong in one play, and when: drawn from a seed."""

from dataclasses import dataclass, field
from random import Random
from typing import Literal

from .weather import CALM, Weather, draw_weather

FAULTS_UNTIL = 30.0  # seconds from the start of a play


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that goes wrong for a while."""

    kind: Literal["gate killed", "callee cut off", "disk stalls", "disk fails", "clock steps"]
    at: float  # seconds from the start
    seconds: float  # how long it lasts; a clock's step, in either direction

    @property
    def ends_at(self) -> float:
        return self.at if self.kind == "clock steps" else self.at + self.seconds

    def __str__(self) -> str:
        return f"{self.kind} at {self.at:.3f} s for {self.seconds:.3f} s"


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """The weather, and the troubles in the order of their time."""

    weather: Weather = CALM
    troubles: tuple[Trouble, ...] = field(default_factory=tuple)

    def of_kind(self, *kinds: str) -> tuple[Trouble, ...]:
        return tuple(trouble for trouble in self.troubles if trouble.kind in kinds)


def draw_faults(random: Random) -> FaultPlan:
    """A third of all plays has no trouble at all; others have up to four."""
    weather = draw_weather(random) if random.random() < 0.8 else CALM
    troubles = []
    for _ in range(random.choice((0, 0, 1, 1, 2, 4))):
        at = random.uniform(0.0, FAULTS_UNTIL)
        match random.randrange(5):
            case 0:
                troubles.append(Trouble("gate killed", at, random.choice((0.01, 0.5, 3.0, 12.0))))
            case 1:
                troubles.append(Trouble("callee cut off", at, random.choice((0.2, 3.0, 40.0))))
            case 2:
                troubles.append(Trouble("disk stalls", at, random.choice((0.1, 0.9, 1.5, 8.0))))
            case 3:
                troubles.append(Trouble("disk fails", at, random.choice((0.1, 0.9, 1.5, 8.0))))
            case _:
                step = random.choice((-90_000.0, -3600.0, -3.0, 2.0, 3600.0, 90_000.0))
                troubles.append(Trouble("clock steps", at, step))
    return FaultPlan(weather, tuple(_apart(troubles)))


def _apart(troubles: list[Trouble]) -> list[Trouble]:
    """In order, and of each kind none that begins before the last one has ended."""
    kept: list[Trouble] = []
    free_at: dict[str, float] = {}
    for trouble in sorted(troubles, key=lambda one: one.at):
        if trouble.at >= free_at.get(trouble.kind, 0.0):
            kept.append(trouble)
            free_at[trouble.kind] = trouble.ends_at + 1.0
    return kept
