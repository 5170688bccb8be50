"""Which test files are meant by paths: test files, policies, folders.

The tests of a policy are the files that name it, among those beside it that end in `.test.yaml` and
all in the folder `tests` beside it. The tests of a folder are all such files in and below it.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from sipgate.gate.problem import PolicyError, Problems
from sipgate.gate.yaml_document import Mapping, Scalar, read_document, read_raw

SUFFIXES: Final = (".yaml", ".yml")
TESTS: Final = "tests"
MARK: Final = ".test"  # of NAME.test.yaml


class NothingToTestError(Exception):
    """A path with no test in it, or none at all."""


def find_test_files(paths: Iterable[Path]) -> list[Path]:
    """The test files that are meant, each once, in the order of the paths.

    Raises NothingToTestError where a path is not there or brings none; OSError.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        tests = list(_tests_of(path))
        if not tests:
            raise NothingToTestError(f"{path}: {_nothing(path)}")
        for test in tests:
            found.setdefault(test.resolve(), test)
    return list(found.values())


def policies_without_tests(folder: Path, tested: Iterable[Path]) -> list[Path]:
    """The policies in and below a folder that no test file names; `tested` are those named."""
    known = {path.resolve() for path in tested}
    return [
        path
        for path in _yaml_files(folder)
        if not is_test_file(path) and path.resolve() not in known and _has(path, "rules")
    ]


def is_test_file(path: Path) -> bool:
    """Whether a file is in the place, or has the name, of a test file."""
    return path.suffix in SUFFIXES and (path.parent.name == TESTS or Path(path.stem).suffix == MARK)


def _tests_of(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file for file in _yaml_files(path) if is_test_file(file))
    elif _has(path, "cases"):
        yield path
    elif _has(path, "rules"):
        yield from _tests_of_policy(path)
    else:
        yield path  # what is wrong with it is said by whoever reads it


def _tests_of_policy(policy: Path) -> Iterator[Path]:
    beside = [*_yaml_files(policy.parent, below=False)]
    beside += [*_yaml_files(policy.parent / TESTS, below=True)]
    for file in beside:
        if is_test_file(file) and _names(file, policy):
            yield file


def _yaml_files(folder: Path, *, below: bool = True) -> Iterator[Path]:
    """Sorted; without hidden folders."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if below else []
        for name in sorted(names):
            if name.endswith(SUFFIXES):
                yield Path(root) / name


def _names(file: Path, policy: Path) -> bool:
    """Whether a test file is about this policy."""
    root = _root(file)
    if root is None or "policy" not in root.entries:
        return False
    _, value = root.entries["policy"]
    return isinstance(value, Scalar) and (file.parent / value.text).resolve() == policy.resolve()


def _has(path: Path, key: str) -> bool:
    root = _root(path)
    return root is not None and key in root.entries


def _root(path: Path) -> Mapping | None:
    """The file's mapping; None for what is none."""
    raw = read_raw(path)
    try:
        return read_document(raw, Problems(path))
    except PolicyError:
        return None


def _nothing(path: Path) -> str:
    if path.is_dir():
        return f"no test files in it: none ends in {MARK}.yaml or is in a folder {TESTS}"
    return f"no test names this policy: none beside it in {TESTS}/ or *{MARK}.yaml"
