"""The inputs that are kept: one a line, spelled as Python spells bytes.

`corpus/TARGET.txt` has few that reach much; `corpus/TARGET.finds.txt` what once failed.
"""

import ast
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"


def kept(target: str) -> list[bytes]:
    """All kept inputs of a target: what once failed first."""
    return [*_read(FOLDER / f"{target}.finds.txt"), *_read(FOLDER / f"{target}.txt")]


def keep(target: str, inputs: Iterable[bytes]) -> None:
    """Put these in the place of the target's corpus; finds stay as they are."""
    lines = [f"{raw!r}\n" for raw in sorted(set(inputs), key=lambda raw: (len(raw), raw))]
    (FOLDER / f"{target}.txt").write_text("".join(lines), "ascii")


def _read(path: Path) -> list[bytes]:
    if not path.exists():
        return []
    inputs = [ast.literal_eval(line) for line in path.read_text("ascii").splitlines()]
    assert all(isinstance(raw, bytes) for raw in inputs), path
    return inputs
