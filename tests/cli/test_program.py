"""The command as a whole: what its errors become, and that the manual's commands are real."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from sipgate.cli import program
from sipgate.cli.commands_page import page

from .conftest import RunCommand

ROOT = Path(__file__).parent.parent.parent
PAGES = ("README.md", "docs/install.md", "docs/policy.md", "docs/commands.md")


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command that can be run, by its words."""
    subcommands = getattr(command, "commands", {})
    if not subcommands or command.invoke_without_command:
        yield name, command
    for word, subcommand in subcommands.items():
        yield from commands(subcommand, f"{name} {word}")


def parse(words: list[str]) -> None:
    """Raises what the command would say to these words; runs nothing."""
    command: Any = typer.main.get_command(program)
    if words == ["--help"]:
        return
    context = command.make_context("sipgate", words)
    while rest := [*context._protected_args, *context.args]:
        name, command, rest = command.resolve_command(context, rest)
        try:
            context = command.make_context(name, rest, parent=context)
        except typer.Exit:
            return  # --help


ALL = [
    (name, command)
    for name, command in commands(typer.main.get_command(program), "sipgate")
    if name != "sipgate"
]
SHOWN = sorted(
    {
        line.strip()
        for name in PAGES
        for text in [re.sub("^## .*$", "", (ROOT / name).read_text(), flags=re.M)]
        for line in re.findall(r"`(sipgate [^`]+)`|^(?:\$ )?(?:\S*/)?(sipgate .+)$", text, re.M)
        for line in line
        if line and "[OPTIONS]" not in line and "COMMAND" not in line
    }
)


@pytest.mark.parametrize(("name", "command"), ALL, ids=[name for name, _ in ALL])
def test_every_command_has_help_and_an_example_that_parses(name: str, command: Any) -> None:
    assert command.help
    assert command.epilog.startswith(f"Example: {name} ")
    parse(shlex.split(command.epilog.removeprefix("Example: sipgate ")))


@pytest.mark.parametrize("line", SHOWN)
def test_every_command_in_the_manual_parses(line: str) -> None:
    parse(shlex.split(line.removeprefix("sipgate "), comments=True))


def test_the_manual_shows_commands() -> None:
    assert len(SHOWN) > 15


def test_the_page_of_commands_is_what_help_says() -> None:
    assert (ROOT / "docs/commands.md").read_text() == page()


def test_the_version_is_printed(sipgate: RunCommand) -> None:
    ran = sipgate("--version")

    assert ran.exit_code == 0
    assert re.fullmatch(r"sipgate \d+\.\d+\.\d+\n", ran.out)


@pytest.mark.parametrize(
    "words",
    [["fly"], ["calls", "--colour", "red"], ["calls", "--verdict", "no"], ["list", "import", "x"]],
    ids=["command", "option", "value", "argument"],
)
def test_a_misspelt_command_line_is_bad_input(sipgate: RunCommand, words: list[str]) -> None:
    assert sipgate(*words).exit_code == 2


def test_a_wrong_configuration_is_told_line_by_line(sipgate: RunCommand, folder: Path) -> None:
    path = folder / "sipgate.toml"
    path.write_text(path.read_text().replace("region", "regoin") + "[limts]\n")

    ran = sipgate("calls")

    assert ran.exit_code == 2
    assert ran.err.splitlines() == [
        'sipgate.toml:11:1: unknown key "regoin"; did you mean "region"?',
        'sipgate.toml:17:1: unknown key "limts"; did you mean "limits"?',
    ]


def test_a_configuration_that_is_not_there_is_bad_input(sipgate: RunCommand) -> None:
    ran = sipgate("calls", "-c", "/nowhere/sipgate.toml")

    assert (ran.exit_code, ran.err) == (2, "/nowhere/sipgate.toml: no such file or directory\n")


def test_a_store_that_is_none_is_told_in_one_line(sipgate: RunCommand, folder: Path) -> None:
    (folder / "var").mkdir()
    (folder / "var/sipgate.db").write_text("this is no database, however long it may be " * 99)

    ran = sipgate("list", "show")

    assert ran.exit_code == 3
    assert ran.err.startswith("sipgate: ")
    assert "Traceback" not in ran.err


def test_a_path_that_cannot_be_written_is_told(sipgate: RunCommand, folder: Path) -> None:
    (folder / "var").write_text("in the way")
    (folder / "numbers.txt").write_text("+13055550123\n")

    ran = sipgate("list", "import", "refusals", "numbers.txt")

    assert ran.exit_code == 3
    assert str(folder / "var") in ran.err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "file", "text"),
    [
        (("run",), "var/sipgate.key/x", "var/sipgate.key: Is a directory"),
        (("list", "show"), "var/sipgate.db/x", "var/sipgate.db: unable to open database file"),
    ],
    ids=["the system's error", "the database's error"],
)
def test_what_the_world_does_is_told_in_words(
    sipgate: RunCommand, folder: Path, words: tuple[str, ...], file: str, text: str
) -> None:
    (folder / file).parent.mkdir(parents=True)
    (folder / file).write_bytes(b"")

    ran = sipgate(*words)

    assert ran.exit_code == 3
    assert ran.err == f"sipgate: {folder}/{text}\n"


def test_the_configuration_can_be_named_by_a_variable(
    sipgate: RunCommand, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    (folder / "sipgate.toml").rename(folder / "gate.toml")
    monkeypatch.setenv("SIPGATE_CONFIG", "gate.toml")

    assert "no gate is running on the store" in sipgate("calls", "--active").err


@pytest.mark.usefixtures("folder")
def test_a_word_that_is_not_utf_8_is_told_by_its_place(sipgate: RunCommand) -> None:
    reason = b"said n\xf3".decode("utf-8", "surrogateescape")

    ran = sipgate("consent", "revoke", "+13055550123", "--purpose", "loans", "--reason", reason)

    assert ran.exit_code == 2
    assert ran.err == 'sipgate: argument 7, "said n\\udcf3", is not UTF-8\n'
