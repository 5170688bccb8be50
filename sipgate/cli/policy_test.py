"""`sipgate policy test`: the cases of test files, played without a gate."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .explained import decision_line, explained_lines
from .failure import ANSWER_IS_NO, BAD_INPUT, BadInput
from .output import counted, print_json, print_line, print_note, print_table
from .policy_problems import problem_lines
from .settings import AsJson

if TYPE_CHECKING:
    from sipgate.gate.cases import Case, CaseFile, Coverage, Difference, Played

EXAMPLE = "Example: sipgate policy test --coverage policies"


def run_tests(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH", help="Test files, policies, or folders of them."),
    ],
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Show how often each rule held, and how often not.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Say why of the cases that hold, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Play test cases through their policies. Reads no sipgate.toml and no store.

    The tests of a policy are the files that name it, among NAME.test.yaml
    beside it and all in the folder tests beside it. Exits with 0 when every
    case holds, with 1 when one doesn't: it says what was expected, what it
    got, and why, rule by rule.
    """
    from sipgate.gate.cases import NothingToTestError, find_test_files

    try:
        files = find_test_files(paths)
    except NothingToTestError as error:
        raise BadInput(str(error)) from error
    except OSError as error:
        raise BadInput(
            f"{error.filename}: {(error.strerror or 'cannot be read').lower()}"
        ) from error
    run = _Run(as_json, verbose)
    for file in files:
        run.play(file)
    run.end(paths, with_coverage=coverage)


class _Run:
    """All that is tested by one command."""

    def __init__(self, as_json: bool, is_verbose: bool) -> None:
        self._is_verbose = is_verbose
        self._as_json = as_json
        self._is_bad = False
        self._held = 0
        self._failed = 0
        self._coverage_by_policy: dict[Path, Coverage] = {}

    def play(self, path: Path) -> None:
        """The cases of one file; what is wrong with it is said."""
        from sipgate.gate import PolicyError, load_policy
        from sipgate.gate.cases import Coverage, differences, load_cases, play

        at = path
        try:
            file = load_cases(path)
            at = file.policy
            policy = load_policy(file.policy, timezone=file.timezone)
        except (PolicyError, OSError) as error:
            self._is_bad = True
            for line in problem_lines(at, error):
                self._say_problem(path, line)
            return
        coverage = self._coverage_by_policy.setdefault(file.policy.resolve(), Coverage(policy))
        failed = self._failed
        for case in file.cases:
            played = play(policy, case.given, case.attempt)
            coverage.note(played.decision)
            found = differences(case, played)
            if found:
                self._failed += 1
            else:
                self._held += 1
            if self._as_json:
                print_json(_row(file, case, played, found))
            elif found or self._is_verbose:
                _print_case(file, case, played, found)
        if not self._as_json:
            failed = self._failed - failed
            told = f"{failed} failed" if failed else "all hold"
            print_line(f"{path}: {counted(len(file.cases), 'case')}, {told}")

    def end(self, paths: list[Path], *, with_coverage: bool) -> None:
        """The summary, and the exit."""
        for path, coverage in self._coverage_by_policy.items():
            self._say_coverage(path, coverage, in_full=with_coverage)
        self._say_untested(paths)
        if self._is_bad:
            raise typer.Exit(BAD_INPUT)
        if self._failed:
            raise typer.Exit(ANSWER_IS_NO)

    def _say_problem(self, path: Path, line: str) -> None:
        if self._as_json:
            print_json({"file": str(path), "problem": line})
        else:
            print_note(line)

    def _say_coverage(self, path: Path, coverage: "Coverage", *, in_full: bool) -> None:
        rules = coverage.rules
        if self._as_json:
            print_json(
                {
                    "policy": _shown(path),
                    "coverage": [
                        {
                            "rule": rule.rule,
                            "line": rule.line,
                            "held": rule.held,
                            "did_not_hold": rule.did_not_hold,
                            "not_asked": rule.not_asked,
                        }
                        for rule in rules
                    ],
                }
            )
            return
        held = sum(rule.held > 0 for rule in rules)
        told = f"{_shown(path)}: {held} of {counted(len(rules), 'rule')} held in a case"
        if coverage.never_held:
            told += f"; never: {', '.join(coverage.never_held)}"
        if coverage.always_held:
            told += f"; always: {', '.join(coverage.always_held)}"
        print_line(told)
        if in_full:
            rows = [(r.rule, r.line, r.held, r.did_not_hold, r.not_asked) for r in rules]
            print_table(("rule", "line", "held", "did not hold", "not asked"), rows)

    def _say_untested(self, paths: list[Path]) -> None:
        from sipgate.gate.cases import policies_without_tests

        for folder in (path for path in paths if path.is_dir()):
            for policy in policies_without_tests(folder, self._coverage_by_policy):
                if self._as_json:
                    print_json({"policy": str(policy), "coverage": None})
                else:
                    print_note(f"{policy}: no test names it")


def _row(
    file: "CaseFile", case: "Case", played: "Played", found: "tuple[Difference, ...]"
) -> dict[str, object]:
    from sipgate.gate import decision_row

    return {
        "file": str(file.path),
        "line": case.place.line,
        "policy": str(file.policy),
        "case": case.name,
        "holds": not found,
        "differences": [
            {"line": one.place.line, "part": one.part, "expected": one.expected, "got": one.got}
            for one in found
        ],
        "decision": decision_row(played.decision),
        "rules": [one.row() for one in played.explained],
    }


def _print_case(
    file: "CaseFile", case: "Case", played: "Played", found: "tuple[Difference, ...]"
) -> None:
    from sipgate.gate import decision_row

    style = "red" if found else None
    print_line(f"{file.path}:{case.place.line}: {case.name}", style=style)
    if not found:
        print_line(f"  {decision_line(decision_row(played.decision))}")
    for one in found:
        print_line(f"  {file.path}:{one.place.line}: {one}")
    if played.attempt.callee_kind == "emergency":
        print_line("  why: an emergency call passes before any rule")
        return
    print_line(f"  why, by {file.policy}:")
    for line in explained_lines(played.explained):
        print_line(f"    {line}")


def _shown(path: Path) -> str:
    """Relative to the current folder where it is in it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
