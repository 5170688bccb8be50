"""Which inputs are worth keeping: those that reach what no shorter one does."""

import sys
from collections.abc import Callable, Iterable
from functools import _lru_cache_wrapper
from types import FrameType
from typing import Any

PACKAGE = "/sipgate/"

Arc = tuple[str, int, int]  # file, the line before, the line


def smallest(inputs: Iterable[bytes], check: Callable[[bytes], None]) -> list[bytes]:
    """The inputs that together go from line to line wherever all of them go, shortest first."""
    reached: set[Arc] = set()
    kept = []
    for raw in sorted(set(inputs), key=lambda raw: (len(raw), raw)):
        arcs = arcs_of(check, raw)
        if not arcs <= reached:
            reached |= arcs
            kept.append(raw)
    return kept


def arcs_of(check: Callable[[bytes], None], raw: bytes) -> set[Arc]:
    """How a check goes through the package's lines."""
    arcs: set[Arc] = set()
    before: dict[FrameType, int] = {}

    def enter(frame: FrameType, event: str, _: Any) -> Any:
        if PACKAGE not in frame.f_code.co_filename:
            return None
        before[frame] = 0
        return step

    def step(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            arcs.add((frame.f_code.co_filename, before[frame], frame.f_lineno))
            before[frame] = frame.f_lineno
        elif event == "return":
            del before[frame]
        return step

    _forget()
    sys.settrace(enter)
    try:
        check(raw)
    finally:
        sys.settrace(None)
    return arcs


def _forget() -> None:
    """What was read before is read again: no input gets there by another's work."""
    for name, module in list(sys.modules.items()):
        if name.startswith("sipgate."):
            for value in vars(module).values():
                if isinstance(value, _lru_cache_wrapper):
                    value.cache_clear()
