"""`sipgate check`: everything that is wrong before a gate starts or reloads."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .failure import ANSWER_IS_NO, BAD_INPUT
from .output import print_json, print_line, print_note
from .policy_problems import problem_lines
from .settings import DEFAULT_CONFIG, AsJson, ConfigFile
from .store_check import store_problems

if TYPE_CHECKING:
    from sipgate.config import Config
    from sipgate.gate import Policy

EXAMPLE = "Example: sipgate check --strict -c /etc/sipgate/sipgate.toml"

Strict = Annotated[bool, typer.Option("--strict", help="Exit with 1 for warnings too.")]


def check(
    config: ConfigFile = DEFAULT_CONFIG, strict: Strict = False, as_json: AsJson = False
) -> None:
    """Say what is wrong with the configuration and all files that it names.

    Mistakes in files exit with 2. A port in use, an upstream that doesn't
    answer and a list that was never imported are warnings. Starts nothing
    and changes nothing.
    """
    from .preflight import warnings

    problems, read = _read(config)
    for problem in problems:
        _say("error", problem, as_json)
    if read is None:
        raise typer.Exit(BAD_INPUT)
    settings, policy = read
    found = warnings(settings, policy, config)
    for warning in found:
        _say("warning", warning, as_json)
    if not as_json:
        print_line(
            f"{config}: fine. Policy {policy.name}, revision {policy.revision},"
            f" sha256 {policy.sha256}"
        )
    if found and strict:
        raise typer.Exit(ANSWER_IS_NO)


def _read(path: Path) -> "tuple[list[str], tuple[Config, Policy] | None]":
    """Every problem in the files, and what they say when there is none."""
    from sipgate.app import check_certificates, read_secrets
    from sipgate.config import ConfigError, load_config
    from sipgate.gate import PolicyError, load_policy
    from sipgate.simulate import BadFile, load_plan

    problems: list[str] = []
    try:
        settings = load_config(path, os.environ)
    except ConfigError as error:
        return [str(problem) for problem in error.problems], None
    policy = None
    try:
        policy = load_policy(settings.gate.policy, timezone=settings.gate.timezone)
    except (PolicyError, OSError) as error:
        problems += problem_lines(settings.gate.policy, error)
    for upstream in settings.upstream:
        if upstream.plan is not None:
            try:
                load_plan(upstream.plan)
            except BadFile as error:
                problems += [str(problem) for problem in error.problems]
    try:
        read_secrets(settings)
    except ConfigError as error:
        problems += [str(problem) for problem in error.problems]
    try:
        check_certificates(settings)
    except ConfigError as error:
        problems += [str(problem) for problem in error.problems]
    problems += store_problems(settings)
    return problems, None if policy is None or problems else (settings, policy)


def _say(severity: str, text: str, as_json: bool) -> None:
    if as_json:
        print_json({"severity": severity, "text": text})
    else:
        print_note(text if severity == "error" else f"warning: {text}")
