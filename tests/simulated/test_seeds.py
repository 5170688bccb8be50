"""Whole gates in a simulated network: thousands of plays, each from a seed (design §17).

The fixed seeds are the same in every run; the fresh ones begin at a number that is drawn, and that
the failure prints. `make seeds SEEDS=5000` plays more, and
`sipgate simulate --faults --seed N` tells one play from beginning to end.
"""

import secrets

import pytest

from sipgate.cli.fault_stage import own_plays

FIXED = 1000
FRESH = 600
BLOCK = 200


def broken(transport: str, seeds: range) -> list[str]:
    """What did not hold, with the seed before it."""
    play_of = own_plays(transport)
    return [
        f"seed {seed} ({transport}): {promise}"
        for seed in seeds
        for promise in play_of(seed).play().broken
    ]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("first", range(0, FIXED, BLOCK))
def test_every_promise_holds_for_the_fixed_seeds(first: int, transport: str) -> None:
    assert broken(transport, range(first, first + BLOCK)) == []


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_every_promise_holds_for_fresh_seeds(transport: str) -> None:
    first = secrets.randbelow(10**9)
    print(f"fresh seeds from {first}, towards the upstream over {transport}")
    assert broken(transport, range(first, first + FRESH)) == []


@pytest.mark.parametrize("seed", [1370, 2004, 9283, 14743, 71, 48, 734], ids=str)
def test_a_seed_that_once_found_something_finds_nothing_now(seed: int) -> None:
    assert broken("udp", range(seed, seed + 1)) == []


@pytest.mark.parametrize("seed", [3, 71, 1370], ids=str)
def test_a_seed_plays_the_same_again(seed: int) -> None:
    play_of = own_plays()
    first, again = (play_of(seed).play(tells=True) for _ in range(2))
    assert first.story == again.story
    assert first.messages > 0
