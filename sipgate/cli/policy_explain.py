"""`sipgate policy explain`: why a call was, or would be, decided as it is, rule by rule."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .explained import decision_line, row_lines
from .failure import ANSWER_IS_NO, BadInput
from .moment import rfc_3339
from .output import counted, print_json, print_line, print_note
from .ownership import ask_owner, require_store
from .policy_problems import problem_lines
from .settings import DEFAULT_CONFIG, AsJson, ConfigFile, read_config

if TYPE_CHECKING:
    from sipgate.config import Config
    from sipgate.gate import Explained, Policy
    from sipgate.gate.cases import Given
    from sipgate.ledger import DecisionEntry

EXAMPLE = (
    "Example: sipgate policy explain --policy policies/quickstart.yaml --caller hq/4711"
    " --callee +13055550123"
)
WORDS = "an attempt's --caller and --callee, or the id of a decision"


def _key(name: str, metavar: str, text: str) -> Any:
    return typer.Option(name, metavar=metavar, help=text)


def explain(
    decision: Annotated[
        str | None,
        typer.Argument(metavar="[DECISION]", help="One on record, as `sipgate calls` shows it."),
    ] = None,
    policy: Annotated[
        Path | None, _key("--policy", "FILE", "For an attempt: the policy; else the gate's.")
    ] = None,
    caller: Annotated[str | None, _key("--caller", "ID", "As hq/4711.")] = None,
    callee: Annotated[str | None, _key("--callee", "NUMBER", "As it is dialled.")] = None,
    at: Annotated[
        str | None, _key("--at", "TIME", "With its offset: 2026-11-20T14:00:00-05:00; else now.")
    ] = None,
    cli: Annotated[str | None, _key("--cli", "NUMBER", "The number it presents.")] = None,
    campaign: Annotated[str | None, _key("--campaign", "NAME", "What it is for.")] = None,
    organisation: Annotated[
        str | None, _key("--organisation", "NAME", "On whose behalf; else the source's.")
    ] = None,
    to: Annotated[str | None, _key("--to", "NUMBER", "The number in To, if another.")] = None,
    user_agent: Annotated[str | None, _key("--user-agent", "TEXT", "Its User-Agent.")] = None,
    asserted: Annotated[
        str | None, _key("--asserted", "NUMBER", "The number that the network asserts.")
    ] = None,
    anonymous: Annotated[bool, typer.Option("--anonymous", help="It shows no number.")] = False,
    owned_clis: Annotated[
        list[str] | None,
        _key("--owned-cli", "NUMBER", "A number of the caller's own; may be repeated."),
    ] = None,
    lead_region: Annotated[
        str | None, _key("--lead-region", "REGION", "Where the callee is said to be: US-FL.")
    ] = None,
    lead_zone: Annotated[
        str | None, _key("--lead-zone", "ZONE", "The time zone the callee is said to be in.")
    ] = None,
    given: Annotated[
        Path | None,
        _key("--given", "FILE", "What has happened before: a file with `given` of a test."),
    ] = None,
    today: Annotated[
        bool,
        typer.Option("--today", help="For a decision: also what it would be with today's state."),
    ] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Say why, rule by rule, with the values seen: of an attempt, or of a decision on record.

    An attempt (--caller, --callee) is decided by the policy file alone, with
    nothing before it but what --given says; all rules are asked. Of a decision
    the record is told, up to the rule that settled it. With --today all rules
    are asked again, of the running gate or, when none runs, of its ledger:
    what they say now need not be what they would have said then.
    """
    words: dict[str, str | list[str] | None] = {
        "at": at,
        "caller": caller,
        "callee": callee,
        "cli": cli,
        "campaign": campaign,
        "organisation": organisation,
        "to": to,
        "user-agent": user_agent,
        "asserted": asserted,
        "anonymous": "true" if anonymous else None,
        "owned-clis": owned_clis or None,
        "lead-region": lead_region,
        "lead-zone": lead_zone,
    }
    said = {key: value for key, value in words.items() if value is not None}
    if decision is None:
        if today:
            raise BadInput("--today: for a decision on record")
        if caller is None or callee is None:
            raise BadInput(f"nothing to explain; expected {WORDS}")
        _explain_attempt(said, policy, given, config, as_json)
        return
    for option, value in (*said.items(), ("policy", policy), ("given", given)):
        if value is not None:
            raise BadInput(f"--{option}: not for a decision on record; expected {WORDS}")
    _explain_decision(read_config(config), decision, today, as_json)


def _explain_attempt(
    words: dict[str, str | list[str]],
    path: Path | None,
    history: Path | None,
    config: Path,
    as_json: bool,
) -> None:
    from sipgate.gate import decision_row, load_policy
    from sipgate.gate.cases import BadAttempt, play, read_attempt, read_given

    timezone = "UTC"
    if path is None:
        settings = read_config(config)
        path, timezone = settings.gate.policy, settings.gate.timezone
    words.setdefault("at", datetime.fromtimestamp(int(time.time()), UTC).isoformat())
    try:
        attempt = read_attempt(words)
    except BadAttempt as error:
        raise BadInput.of(_told(*problem) for problem in error.problems) from error
    try:
        policy = load_policy(path, timezone=timezone)
    except OSError as error:
        raise BadInput.of(problem_lines(path, error)) from error
    given: tuple[Given, ...] = ()
    if history is not None:
        try:
            given = read_given(history.read_bytes(), history, attempt.at)
        except OSError as error:
            raise BadInput.of(problem_lines(history, error)) from error
    played = play(policy, given, attempt)
    row = decision_row(played.decision)
    rules = [one.row() for one in played.explained]
    seen = played.attempt
    if as_json:
        print_json(
            {
                "at": words["at"],
                "caller": seen.caller,
                "callee": seen.callee,
                "callee_kind": seen.callee_kind,
                "callee_country": seen.callee_country,
                "given": len(given),
                "decision": row,
                "rules": rules,
            }
        )
        return
    before = counted(len(given), "thing") + " given" if given else "nothing before it"
    print_line(f"{seen.caller} to {seen.callee} ({_kind(seen.callee_kind, seen.callee_country)})")
    print_line(f"by {path}, {policy.name}, revision {policy.revision}, with {before}:")
    print_line(f"  {decision_line(row)}")
    _print_rules(rules, is_emergency=seen.callee_kind == "emergency")


def _explain_decision(config: "Config", wanted: str, today: bool, as_json: bool) -> None:
    require_store(config)
    from sipgate.app import find_decision
    from sipgate.gate import attempt_of, decision_of, decision_row, explain, recorded

    entry = find_decision(config, wanted)
    if entry is None:
        print_note(f"{wanted}: the ledger has no such decision")
        raise typer.Exit(ANSWER_IS_NO)
    made = decision_of(entry)
    policy = _policy_of(config, entry)
    unasked = _unasked(entry)
    if unasked is not None:
        explained: tuple[Explained, ...] = ()
    elif policy is None:
        explained = recorded(made)
    else:
        explained = explain(policy, attempt_of(entry), entry.time_us / 1_000_000, made)
    rules = [one.row() for one in explained]
    again = _second_look(config, entry) if today else None
    if as_json:
        print_json(
            {
                "id": wanted,
                "time": rfc_3339(entry.time_us / 1_000_000),
                "caller": entry.caller,
                "callee": entry.callee,
                "policy_at_hand": policy is not None,
                "unasked": unasked,
                "decision": decision_row(made),
                "rules": rules,
                "today": again,
            }
        )
        return
    print_line(
        f"{wanted}, {rfc_3339(entry.time_us / 1_000_000)}: {entry.caller} to {entry.callee}"
        f" ({_kind(entry.callee_kind, entry.callee_country)})"
    )
    print_line(f"by {entry.policy}, revision {entry.revision}:")
    print_line(f"  {decision_line(decision_row(made))}")
    if unasked is not None:
        print_line(f"  {unasked}")
    else:
        if policy is None:
            print_note(
                "the policy file has changed since: these are the values on record, in no words"
            )
        _print_rules(rules)
    if again is not None:
        _print_second_look(again)


def _policy_of(config: "Config", entry: "DecisionEntry") -> "Policy | None":
    """The policy that decided, if its file is still what it was."""
    from sipgate.gate import PolicyError, load_policy

    try:
        policy = load_policy(config.gate.policy, timezone=config.gate.timezone)
    except (PolicyError, OSError):
        return None
    return policy if policy.sha256 == entry.policy_sha256 else None


def _unasked(entry: "DecisionEntry") -> str | None:
    """Why no rule was asked at all; None: they were."""
    if entry.emergency:
        return "an emergency call passes before any rule"
    if entry.direction == "inbound":
        return "an inbound call: no rule is asked"
    if entry.transfer:
        return "a transfer of a call that was up: no rule is asked"
    if entry.verdict == "reject" and entry.rule is None:
        return "the source's settings forbid it, before any rule"
    return None


def _second_look(config: "Config", entry: "DecisionEntry") -> dict[str, Any]:
    """What the rules say now: of the running gate, else of the ledger."""
    answer = ask_owner(config, "decision-explain", decision=entry.id)
    if answer is not None:
        return answer
    from sipgate.app import engine_at_rest, second_look
    from sipgate.clock import SystemClock

    clock = SystemClock()
    return second_look(config, asyncio.run(engine_at_rest(config, clock)), entry, clock)


def _print_second_look(again: dict[str, Any]) -> None:
    at = rfc_3339(again["time_us"] / 1_000_000)
    row = again["decision"]
    print_line(
        f"with today's lists and counts ({at}), by {row['policy']}, revision {row['revision']},"
        " the same attempt would be:"
    )
    print_line(f"  {decision_line(row)}")
    _print_rules(again["rules"])


def _print_rules(rules: list[dict[str, Any]], *, is_emergency: bool = False) -> None:
    if is_emergency:
        print_line("  an emergency call passes before any rule")
        return
    for line in row_lines(rules):
        print_line(f"  {line}")


def _kind(kind: str, country: str | None) -> str:
    return kind if country is None else f"{kind}, {country}"


def _told(key: str | None, text: str, expected: str | None) -> str:
    where = "attempt" if key is None else f"--{key}"
    return f"{where}: {text}" if expected is None else f"{where}: {text}; expected {expected}"
