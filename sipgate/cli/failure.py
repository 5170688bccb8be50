"""How a command ends when it can't do what was asked: one clear line each, and an exit code."""

from collections.abc import Iterable

ANSWER_IS_NO = 1
BAD_INPUT = 2
CANNOT = 3


class CommandFailed(Exception):
    """What a command raises; `lines` go to stderr as they are."""

    exit_code = CANNOT

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class BadInput(CommandFailed):
    """The user's files or arguments are wrong."""

    exit_code = BAD_INPUT

    @classmethod
    def of(cls, problems: Iterable[object]) -> "BadInput":
        """From a layer's list of problems, which name file and line themselves."""
        return cls(*(str(problem) for problem in problems))


class CannotDo(CommandFailed):
    """The world is in the way: disk, network, another process."""
