"""What a simulated network does to the datagrams that it carries."""

from dataclasses import dataclass
from random import Random

# Copies of one datagram. A 2xx is repeated eleven times (RFC 3261 §13.3.1.4), and nine are enough
# to come over two hops that each lose two of three.
MOST_LOST_IN_A_ROW = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """Chances from 0 to 1 for each datagram, times in seconds. Streams are only delayed.

    Loss is fair: of one datagram, repeated byte for byte between the same two ends, at most
    MOST_LOST_IN_A_ROW copies are lost one after another. So the promises of retransmission hold
    for certain, and a message that never arrives is somebody's mistake and not bad luck.
    """

    loss: float = 0.0
    duplication: float = 0.0
    straying: float = 0.0  # comes later than what was sent after it
    delay_seconds: float = 0.001
    jitter_seconds: float = 0.0
    stray_seconds: float = 0.0  # at most

    def draw_delay(self, random: Random) -> float:
        """How long one copy takes."""
        seconds = self.delay_seconds + self.jitter_seconds * random.random()
        if self.straying and random.random() < self.straying:
            seconds += self.stray_seconds * random.random()
        return seconds


CALM = Weather()


def draw_weather(random: Random) -> Weather:
    """Half of the time calm in each respect, else anything up to what SIP has to stand."""
    return Weather(
        loss=random.choice((0.0, 0.0, 0.05, 0.15, 0.35)),
        duplication=random.choice((0.0, 0.0, 0.02, 0.2)),
        straying=random.choice((0.0, 0.0, 0.05, 0.3)),
        delay_seconds=random.choice((0.0005, 0.005, 0.05, 0.15)),
        jitter_seconds=random.choice((0.0, 0.0005, 0.02)),
        stray_seconds=random.choice((0.02, 0.3, 1.5)),
    )
