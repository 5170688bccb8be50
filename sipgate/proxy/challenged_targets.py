"""Which target challenged a request: its repaired retry goes there again (design §6, Targets)."""

from sipgate.sip import Request

RETRY_SECONDS = 32.0  # design §5: in this time after a challenge, a higher CSeq is its retry
MOST_REMEMBERED = 10_000


class ChallengedTargets:
    """Remembers the target of each 401 and 407, by Call-ID and From tag, for as long as matters.

    Only requests to an upstream with several targets are told to it. Of too many the oldest go.
    """

    def __init__(self) -> None:
        self._challenges: dict[tuple[bytes, bytes], tuple[float, int, bytes]] = {}  # oldest first

    def __len__(self) -> int:
        return len(self._challenges)

    def challenged(self, request: Request, target_key: bytes, now: float) -> None:
        """This target asked for credentials."""
        challenges = self._challenges
        name = (request.call_id, request.from_tag)
        challenges.pop(name, None)
        challenges[name] = (now + RETRY_SECONDS, request.cseq_number, target_key)
        while challenges:
            oldest = next(iter(challenges))
            if challenges[oldest][0] > now and len(challenges) <= MOST_REMEMBERED:
                return
            del challenges[oldest]

    def target_of(self, request: Request, now: float) -> bytes | None:
        """The key of the target that this request is the retry for, else None."""
        found = self._challenges.get((request.call_id, request.from_tag))
        if found is None or now > found[0] or request.cseq_number <= found[1]:
            return None
        return found[2]
