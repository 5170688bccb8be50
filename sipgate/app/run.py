"""`sipgate run`, from the command line's side."""

import uvloop

from sipgate.config import Config

from .process import serve


def run(config: Config, *, look: str) -> int:
    """Run a gate until it is told to stop; gives the exit code, raises what `serve` raises."""
    try:
        return uvloop.run(serve(config, look=look))
    except BaseExceptionGroup as group:
        raise _first_of(group) from group


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What ended the gate: the first error of its tasks."""
    error = group.exceptions[0]
    return _first_of(error) if isinstance(error, BaseExceptionGroup) else error
