"""Whether new calls are to be refused, told from how long things wait: design §15, overload.

No rate is configured and none is learnt. What is measured is the time that what arrives now will
wait: in the queues of the sockets, for the loop, for the disk. As in CoDel (RFC 8289 §3.2) one
long wait means nothing, for a burst makes one too; a wait that stays above its target for a whole
interval means that more comes in than can be served. From then on a new call is let in only while
the wait is below the target, so the gate stays busy with calls that it can finish.
"""

from collections.abc import Callable

QUEUE_TARGET = 0.05  # seconds; a tenth of T1, after which a caller sends an INVITE again
LATE = 0.25  # seconds; what waits longer is sent again before its answer is there
LEDGER_TARGET = 0.5  # seconds; half of what an INVITE waits for its entry at most (design §15)
INTERVAL = 0.1  # seconds above the target that no burst explains: RFC 8289 §4.2
CALM_SECONDS = 2.0  # below the target without a break: it is over
ASKED_SECONDS = 0.001  # the queue takes longer than this to fall: one answer for so long


class Overload:
    """Takes measurements, about every 20 ms, and says who may come in.

    `queue_age` gives the wait in the sockets' queues right now, in seconds; while the gate is
    overloaded it is asked for each new call that may be let in, and never otherwise.
    """

    def __init__(self, queue_age: Callable[[], float] | None = None) -> None:
        self.queue_age = queue_age
        self.is_overloaded = False
        self.is_late = False  # when last asked, answers would have come too late
        self._refuses_until = 0.0
        self._above_since: float | None = None
        self._below_since: float | None = None
        self._other_pressure = 0.0  # of the loop and the disk, when last measured

    def observe(self, now: float, *, queue: float, loop: float, ledger: float) -> bool:
        """Take the waits as measured now, in seconds; True when overload has begun or ended.

        `queue`: what a datagram that arrives now will wait; `loop`: how late a timer came;
        `ledger`: how long the oldest INVITE has waited for its entry.
        """
        other = self._other_pressure = max(loop / QUEUE_TARGET, ledger / LEDGER_TARGET)
        if max(other, queue / QUEUE_TARGET) > 1.0:
            self._below_since = None
            if self._above_since is None:
                self._above_since = now
            if not self.is_overloaded and now - self._above_since >= INTERVAL:
                self.is_overloaded = True
                return True
            return False
        self._above_since = None
        if not self.is_overloaded:
            return False
        if self._below_since is None:
            self._below_since = now
        if now - self._below_since < CALM_SECONDS:
            return False
        self.is_overloaded = False
        self._below_since = None
        return True

    def refuses(self, now: float) -> bool:
        """Whether a call that arrives now is one too many."""
        if not self.is_overloaded:
            return False
        if now < self._refuses_until:
            return True
        queue = 0.0 if self.queue_age is None else self.queue_age()
        self.is_late = queue > LATE
        if queue <= QUEUE_TARGET and self._other_pressure <= 1.0:
            return False
        self._refuses_until = now + ASKED_SECONDS
        return True
