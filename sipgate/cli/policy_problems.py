"""What is wrong with a policy or test file, in lines."""

from pathlib import Path


def problem_lines(path: Path, error: Exception) -> list[str]:
    """What `load_policy` found; a file that can't be read is a mistake like any other."""
    if isinstance(error, OSError):
        return [f"{path}: {(error.strerror or 'cannot be read').lower()}"]
    return str(error).splitlines()
