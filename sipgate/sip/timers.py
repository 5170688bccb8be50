"""The durations of RFC 3261 §17 (its table 4), RFC 6026 and §16.6 in seconds."""

from dataclasses import dataclass

TIMER_D = 32.0  # RFC 3261 §17.1.1.2: at least, whatever T1 is here


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """T1, T2, T4 and all that follows from them.

    D, I, J and K are those of an unreliable transport; over a reliable one they are zero.
    """

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    timer_c: float = 180.0  # RFC 3261 §16.6 step 11: more than three minutes; the proxy's own

    @property
    def timer_b(self) -> float:
        """How long an INVITE waits for any response."""
        return 64 * self.t1

    @property
    def timer_d(self) -> float:
        """How long a final response to an INVITE may come again."""
        return max(TIMER_D, 64 * self.t1)

    @property
    def timer_f(self) -> float:
        """How long any other request waits for its final response."""
        return 64 * self.t1

    @property
    def timer_h(self) -> float:
        """How long a final response waits for its ACK."""
        return 64 * self.t1

    @property
    def timer_i(self) -> float:
        """How long an ACK may come again."""
        return self.t4

    @property
    def timer_j(self) -> float:
        """How long a request other than INVITE may come again."""
        return 64 * self.t1

    @property
    def timer_k(self) -> float:
        """How long a response to such a request may come again."""
        return self.t4

    @property
    def timer_l(self) -> float:
        """How long an accepted INVITE may come again (RFC 6026 §8.7)."""
        return 64 * self.t1

    @property
    def timer_m(self) -> float:
        """How long further 2xx may come (RFC 6026 §8.4)."""
        return 64 * self.t1

    @property
    def timer_c_limit(self) -> float:
        """When an INVITE without news ends by itself, should its owner have forgotten it.

        The RFC sets no limit here. The proxy's Timer C ends each of a few targets in a row first.
        """
        return 5 * (self.timer_c + 64 * self.t1)
