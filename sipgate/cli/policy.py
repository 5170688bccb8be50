"""`sipgate policy`: policy files by themselves, without a gate."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from . import policy_explain, policy_test
from .failure import ANSWER_IS_NO, BAD_INPUT
from .output import counted, print_json, print_line, print_note
from .policy_problems import problem_lines
from .settings import AsJson

group = typer.Typer(no_args_is_help=True, help="Look at policy files.")

CHECK_EXAMPLE = "Example: sipgate policy check policies/quickstart.yaml"
SCHEMA_EXAMPLE = "Example: sipgate policy schema -o policy.schema.json"


@group.callback()
def _group() -> None:
    """Look at policy files."""


@group.command("check", epilog=CHECK_EXAMPLE)
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Policy files.")],
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 for warnings too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with policies: file, line, what was expected. Reads no sipgate.toml.

    Warnings are for rules that can never do anything: they select no call,
    their condition can't hold, or an earlier rule always settles first.
    """
    from sipgate.gate import PolicyError, load_policy, review

    are_good = True
    has_warnings = False
    for path in files:
        try:
            policy = load_policy(path)
        except (PolicyError, OSError) as error:
            are_good = False
            for problem in problem_lines(path, error):
                if as_json:
                    print_json({"file": str(path), "good": False, "problem": problem})
                else:
                    print_note(problem)
            continue
        remarks = review(policy)
        has_warnings = has_warnings or bool(remarks)
        facts = {
            "policy": policy.name,
            "revision": policy.revision,
            "sha256": policy.sha256,
            "files": dict(policy.files),
            "rules": len(policy.rules),
            "lists": list(policy.list_names),
        }
        if as_json:
            warnings = [
                {"line": one.line, "rule": one.rule, "kind": one.kind, "text": one.text}
                for one in remarks
            ]
            print_json({"file": str(path), "good": True, **facts, "warnings": warnings})
        else:
            for remark in remarks:
                print_note(f"warning: {remark}")
            print_line(
                f"{path}: {policy.name}, revision {policy.revision},"
                f" {counted(len(policy.rules), 'rule')}, sha256 {policy.sha256}"
            )
    if not are_good:
        raise typer.Exit(BAD_INPUT)
    if has_warnings and strict:
        raise typer.Exit(ANSWER_IS_NO)


@group.command("schema", epilog=SCHEMA_EXAMPLE)
def schema(
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write it there, not to stdout."),
    ] = None,
    tests: Annotated[bool, typer.Option("--tests", help="The one of test files instead.")] = False,
) -> None:
    """Print the JSON Schema of policy files, for editors.

    `policies/` has both as files.
    """
    import json

    from sipgate.gate import policy_schema
    from sipgate.gate.cases import case_schema

    made = case_schema() if tests else policy_schema()
    text = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, "utf-8")


group.command("test", epilog=policy_test.EXAMPLE)(policy_test.run_tests)
group.command("explain", epilog=policy_explain.EXAMPLE)(policy_explain.explain)
