"""`sipgate run`, from the command line's side."""

from collections.abc import Sequence

import uvloop

from sipgate.config import Config

from .process import serve
from .upgrade import become_successor


def run(config: Config, *, look: str, check: Sequence[str] = ()) -> int:
    """Run a gate until it is told to stop; gives the exit code, raises what `serve` raises.

    Told to give way to a new program (SIGUSR2), it becomes that one and never returns.
    """
    try:
        descriptors = uvloop.run(serve(config, look=look, check=check))
    except BaseExceptionGroup as group:
        raise _first_of(group) from group
    if descriptors:
        become_successor(descriptors)
    return 0


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What ended the gate: the first error of its tasks."""
    error = group.exceptions[0]
    return _first_of(error) if isinstance(error, BaseExceptionGroup) else error
