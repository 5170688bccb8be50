"""The kept inputs of `fuzz/` hold, without atheris: what once failed, and few that reach much."""

import pytest

from fuzz.corpus import FOLDER, kept
from fuzz.targets import CHECKS, seeds

TARGETS = list(CHECKS)


@pytest.mark.parametrize(
    ("target", "raw"),
    [
        pytest.param(target, raw, id=f"{target} {number}")
        for target in TARGETS
        for number, raw in enumerate([*kept(target), *seeds(target)])
    ],
)
def test_what_is_kept_holds(target: str, raw: bytes) -> None:
    CHECKS[target](raw)


@pytest.mark.parametrize("target", TARGETS)
def test_a_corpus_is_kept_and_small(target: str) -> None:
    assert kept(target)
    assert (FOLDER / f"{target}.txt").stat().st_size < 256 * 1024


def test_every_kept_file_is_a_targets() -> None:
    names = {path.name.removesuffix(".txt").removesuffix(".finds") for path in FOLDER.iterdir()}
    assert names == set(TARGETS)
