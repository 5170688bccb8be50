"""Password files: hashes only, for the owner's eyes only."""

from pathlib import Path

import pytest

from sipgate.app.password_file import hashed, read_password_file, write_password_file
from sipgate.config import ConfigError
from sipgate.sip import secret_hash


def written(folder: Path, text: str) -> Path:
    path = folder / "hq-4711.password"
    write_password_file(path, text)
    return path


def problems(path: Path, realm: str = "example.com") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_password_file(path, realm)
    return [str(problem).replace(str(path), "FILE") for problem in caught.value.problems]


@pytest.mark.parametrize("algorithms", [["SHA-256"], ["SHA-256", "MD5"]])
def test_what_is_written_can_be_read(tmp_path: Path, algorithms: list[str]) -> None:
    made = hashed("4711", "example.com", "open sesame", algorithms)
    path = written(tmp_path, made.to_text("hq/4711"))

    found = read_password_file(path, "example.com")

    assert found == made
    assert list(found.secrets) == algorithms
    assert found.secrets["SHA-256"] == secret_hash("SHA-256", "4711", "example.com", "open sesame")
    assert path.stat().st_mode & 0o777 == 0o600
    assert "open sesame" not in path.read_text()


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, hashed("4711", "example.com", "x", ["SHA-256"]).to_text("hq/4711"))
    path.chmod(0o644)

    assert problems(path) == ["FILE: others may read it: chmod 600 FILE"]


def test_a_file_of_another_realm_is_refused_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, hashed("4711", "other.example", "x", ["SHA-256"]).to_text("hq/4711"))

    assert problems(path) == [
        'FILE:2:1: made for realm "other.example", but the source\'s is "example.com"'
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            'realm = "example.com"\nsha256 = "0"\n',
            'FILE:2:1: unknown key sha256; did you mean "sha-256"?',
        ),
        ('realm = "example.com"\nmd5 = "0"\n', "FILE:2:1: md5: expected 32 hexadecimal digits"),
        ('realm = "example.com"\n', "FILE: no hash; expected one of sha-512-256, sha-256, md5"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    assert problems(written(tmp_path, text)) == [told]


def test_what_is_no_toml_or_not_there_is_told(tmp_path: Path) -> None:
    assert problems(written(tmp_path, "realm = "))[0].startswith("FILE: ")
    assert problems(tmp_path / "none")[0].endswith("no such file or directory")
