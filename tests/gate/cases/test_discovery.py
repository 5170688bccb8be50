"""Test files are found from themselves, from their policy, and from a folder."""

from pathlib import Path

import pytest

from sipgate.gate.cases import NothingToTestError, find_test_files, policies_without_tests

POLICY = "policy: p\nrevision: 1\nrules: []\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.yaml").write_text(POLICY)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/first.yaml").write_text("policy: ../a.yaml\ncases: []\n")
    (tmp_path / "tests/second.yml").write_text("policy: ../b.yaml\ncases: []\n")
    (tmp_path / "a.test.yaml").write_text("policy: a.yaml\ncases: []\n")
    (tmp_path / ".hidden/tests").mkdir(parents=True)
    (tmp_path / ".hidden/tests/third.yaml").write_text("policy: ../../a.yaml\ncases: []\n")
    return tmp_path


def names(folder: Path, *paths: str) -> list[str]:
    return [str(file.relative_to(folder)) for file in find_test_files(folder / p for p in paths)]


def test_a_test_file_is_itself_whatever_its_name(folder: Path) -> None:
    (folder / "any.yaml").write_text("policy: a.yaml\ncases: []\n")

    assert names(folder, "any.yaml") == ["any.yaml"]


def test_a_policy_has_the_tests_beside_it_that_name_it(folder: Path) -> None:
    assert names(folder, "a.yaml") == ["a.test.yaml", "tests/first.yaml"]
    assert names(folder, "b.yaml") == ["tests/second.yml"]


def test_a_folder_has_all_test_files_in_and_below_it(folder: Path) -> None:
    assert names(folder, ".") == ["a.test.yaml", "tests/first.yaml", "tests/second.yml"]


def test_no_file_is_played_twice(folder: Path) -> None:
    assert names(folder, "a.test.yaml", ".", "tests/../a.yaml") == [
        "a.test.yaml",
        "tests/first.yaml",
        "tests/second.yml",
    ]


def test_a_policy_without_tests_is_told(folder: Path) -> None:
    with pytest.raises(NothingToTestError, match=r"c\.yaml: no test names this policy: none"):
        names(folder, "c.yaml")


def test_a_folder_without_tests_is_told(tmp_path: Path) -> None:
    with pytest.raises(NothingToTestError, match=r"no test files in it: none ends in \.test\.yaml"):
        find_test_files([tmp_path])


def test_policies_that_no_test_names_are_found(folder: Path) -> None:
    tested = [folder / "a.yaml", folder / "tests/../b.yaml"]

    assert policies_without_tests(folder, tested) == [folder / "c.yaml"]


def test_what_is_neither_policy_nor_test_is_left_to_its_reader(folder: Path) -> None:
    (folder / "broken.yaml").write_text("a: [\n")

    assert names(folder, "broken.yaml") == ["broken.yaml"]
