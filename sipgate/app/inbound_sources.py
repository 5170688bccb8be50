"""As whose calls to registered phones are recorded: design §5, Inbound.

Who calls a phone by its token need be no `[[source]]`: the token is enough. The ledger then has the
upstream's name, or `-` for whoever else has the token.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sipgate.proxy import ELSEWHERE, Source


def inbound_sources(sources: Sequence[Source], upstreams: Iterable[str]) -> dict[str, Source]:
    """By name: each source, each upstream, and ELSEWHERE, none of which decides anything.

    What is read of a caller is read as the first source does that has this upstream.
    """
    found = {source.name: replace(source, decide=False, networks=()) for source in sources}
    for name in upstreams:
        like = next((source for source in sources if source.upstream == name), sources[0])
        found.setdefault(
            name,
            Source(
                name=name,
                networks=(),
                upstream=like.upstream,
                dial_plan=like.dial_plan,
                trusted=True,
                decide=False,
            ),
        )
    found[ELSEWHERE] = Source(
        name=ELSEWHERE,
        networks=(),
        upstream=sources[0].upstream,
        dial_plan=sources[0].dial_plan,
        decide=False,
    )
    return found
