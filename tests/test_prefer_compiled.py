"""The compiled copy runs only while it was made from the sources that are there."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.prefer_compiled import BUILDER, COPY, SIGNATURE, prefer, signature


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one module and a copy that fits it."""
    for name in (BUILDER, "sipgate/sip/via.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text("")
    copy = tmp_path / COPY
    copy.mkdir(parents=True)
    (copy / SIGNATURE).write_text(signature(str(tmp_path)))
    return tmp_path


def is_preferred(project: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(sys, "path", [*sys.path])
    prefer(str(project))
    return sys.path[0] == str(project / COPY)


def test_a_copy_that_fits_comes_first(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIPGATE_PURE", raising=False)

    assert is_preferred(project, monkeypatch)


def test_nobody_gets_it_who_asks_for_the_sources(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIPGATE_PURE", "1")

    assert not is_preferred(project, monkeypatch)


@pytest.mark.parametrize("name", [BUILDER, "sipgate/sip/via.py", "sipgate/sip/new.py"])
def test_a_copy_of_other_sources_is_left(
    name: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SIPGATE_PURE", raising=False)
    (project / name).write_text("1")

    assert not is_preferred(project, monkeypatch)


def test_a_module_that_is_gone_makes_it_old(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIPGATE_PURE", raising=False)
    (project / "sipgate/sip/via.py").unlink()

    assert not is_preferred(project, monkeypatch)


def test_without_a_copy_the_sources_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIPGATE_PURE", raising=False)

    assert not is_preferred(tmp_path, monkeypatch)


ROOT = Path(__file__).parent.parent
COMPILED = ("sip", "proxy", "counters")


def shared_names(path: Path) -> Iterator[str]:
    """Names that a function gives to exceptions of more than one kind."""
    for function in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            kinds: dict[str, set[str]] = {}
            for found in ast.walk(function):
                if isinstance(found, ast.ExceptHandler) and found.name and found.type is not None:
                    kinds.setdefault(found.name, set()).add(ast.unparse(found.type))
            yield from (f"{function.name}: {name}" for name, kind in kinds.items() if len(kind) > 1)


@pytest.mark.parametrize("layer", COMPILED)
def test_no_compiled_function_gives_one_name_to_two_kinds_of_exception(layer: str) -> None:
    """mypyc takes the name to be of the first kind, and answers the second with TypeError."""
    paths = (ROOT / "sipgate" / layer).glob("*.py")

    assert [f"{path.name} {found}" for path in paths for found in shared_names(path)] == []
