"""`sipgate password`: a hash for the configuration, never the password."""

from pathlib import Path

from sipgate.sip import secret_hash

from .conftest import RunCommand


def with_realm(folder: Path) -> None:
    path = folder / "sipgate.toml"
    told = 'name = "hq"\nrealm = "example.com"\nidentity = ["digest"]\n'
    path.write_text(path.read_text().replace('name = "hq"\n', told))


def test_a_password_is_hashed_into_a_file_that_the_configuration_takes(
    sipgate: RunCommand, folder: Path
) -> None:
    with_realm(folder)
    out = folder / "a.password"

    words = ("password", "hq/4711", "--out", str(out), "--algorithm", "md5")
    ran = sipgate(*words, input="secret word\n")

    assert ran.exit_code == 0, ran.err
    assert "secret word" not in ran.out + ran.err + out.read_text()
    assert secret_hash("MD5", "4711", "example.com", "secret word") in out.read_text()
    told = ran.out.partition("[[caller]]")
    with (folder / "sipgate.toml").open("a") as file:
        file.write("\n" + told[1] + told[2] + "\n")
    assert sipgate("check").exit_code == 0


def test_a_password_file_of_another_realm_fails_the_check(
    sipgate: RunCommand, folder: Path
) -> None:
    with_realm(folder)
    out = folder / "a.password"
    sipgate("password", "hq/4711", "--out", str(out), input="x\n")
    out.write_text(out.read_text().replace("example.com", "elsewhere"))
    with (folder / "sipgate.toml").open("a") as file:
        file.write('\n[[caller]]\nid = "hq/4711"\npassword-file = "a.password"\n')

    ran = sipgate("check")

    assert ran.exit_code == 2
    assert 'made for realm "elsewhere"' in ran.err


def test_without_a_realm_there_is_nothing_to_hash_for(sipgate: RunCommand, folder: Path) -> None:
    ran = sipgate("password", "hq/4711", input="x\n")

    assert ran.exit_code == 2
    assert "has no realm" in ran.err


def test_an_unknown_source_and_an_empty_password_are_told(
    sipgate: RunCommand, folder: Path
) -> None:
    with_realm(folder)

    assert 'no [[source]] is named "nobody"' in sipgate("password", "nobody/1", input="x\n").err
    assert "an empty password" in sipgate("password", "hq/1", input="\n").err
    assert "expected SOURCE/USER" in sipgate("password", "4711", input="x\n").err


def test_callers_of_one_source_with_other_algorithms_are_a_warning(
    sipgate: RunCommand, folder: Path
) -> None:
    with_realm(folder)
    for user, algorithm in (("1", "md5"), ("2", "sha-256")):
        out = folder / f"{user}.password"
        words = ("password", f"hq/{user}", "--out", str(out), "--algorithm", algorithm)
        sipgate(*words, input="x\n")
        with (folder / "sipgate.toml").open("a") as file:
            file.write(f'\n[[caller]]\nid = "hq/{user}"\npassword-file = "{out.name}"\n')

    told = sipgate("check").err

    assert "hq/1 has no sha-256 hash, which others of source hq have" in told
    assert "--algorithm sha-256 --algorithm md5" in told
    assert "hq/2 has no" not in told
