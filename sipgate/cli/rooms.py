"""`sipgate policy rooms`: what a policy does to rooms of abusive and of lawful callers."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from .failure import BadInput, CannotDo
from .output import counted, print_json, print_line, print_table
from .settings import AsJson

if TYPE_CHECKING:
    from sipgate.config import Config
    from sipgate.gate import Policy
    from sipgate.ledger import DecisionEntry
    from sipgate.simulate import Scenario

EXAMPLE = "Example: sipgate policy rooms policies/detection.yaml examples/scenarios/rooms"

FIRST_ATTEMPTS = 30  # an abusive room is to be flagged within so many,
FIRST_MINUTES = 10.0  # or so soon
BEGINS = 1_794_841_200.0  # 2026-11-16T15:00:00Z: a Monday, 10:00 in New York
PATTERN = "*.yaml"

CONFIG = """[gate]
policy = "policy.yaml"
timezone = "America/New_York"
[[listen]]
transport = "udp"
address = "0.0.0.0:5060"
[[listen]]
transport = "tcp"
address = "0.0.0.0:5060"
[[source]]
name = "rooms"
match = ["10.1.0.0/16"]
identity = ["p-asserted-identity", "from"]
trusted = true
campaign-header = "X-Campaign"
region = "US"
[[upstream]]
name = "carrier"
targets = ["sip:carrier.example.com"]
"""

PolicyFile = Annotated[Path, typer.Argument(metavar="POLICY", help="The policy that is played.")]
ScenarioFiles = Annotated[
    list[Path],
    typer.Argument(metavar="FILE", help="Scenarios with `expect`, or folders of them."),
]
Seeds = Annotated[
    int, typer.Option("--seeds", metavar="N", min=1, max=1000, help="Plays of each scenario.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomVerdict:
    """What a policy did to one scenario, played once; calls count from 1, minutes from the first.

    `flagged_at` and `flagged_minutes` are the first tagged or rejected attempt's; None: none was.
    """

    scenario: str
    expect: str | None
    seed: int
    attempts: int
    callers: int
    flagged_callers: int
    tagged: int
    rejected: int
    flagged_at: int | None
    flagged_minutes: float | None
    rule: str | None  # that flagged first
    rejected_at: int | None

    @property
    def is_as_expected(self) -> bool:
        """Abusive: flagged soon enough. Lawful: nothing rejected."""
        if self.expect == "lawful":
            return self.rejected == 0
        if self.expect is None:
            return True
        if self.flagged_at is None or self.flagged_minutes is None:
            return False
        return self.flagged_at <= FIRST_ATTEMPTS or self.flagged_minutes <= FIRST_MINUTES

    def as_json(self) -> dict[str, Any]:  # for json.dumps
        names = (name for name in self.__slots__)
        return {name: getattr(self, name) for name in names} | {"as_expected": self.is_as_expected}


def rooms(
    policy: PolicyFile,
    scenarios: ScenarioFiles,
    seeds: Seeds = 1,
    as_json: AsJson = False,
) -> None:
    """Play rooms of abusive and of lawful callers against a policy, and say whom it catches.

    Each scenario is played by itself on a virtual clock, against the real proxy and policy engine.
    An abusive one is to be flagged (tagged or rejected) within its first 30 attempts or 10 minutes,
    of a lawful one nothing is to be rejected; exit code 1 when it is otherwise.
    """
    from sipgate.gate import load_policy
    from sipgate.simulate import load_scenario

    from .log_output import log_to_stderr

    log_to_stderr("warning")
    loaded = load_policy(policy, timezone="America/New_York")
    found = [load_scenario(path) for path in _files(scenarios)]
    config = own_config()
    verdicts: list[RoomVerdict] = []
    with Console(stderr=True).status("") as status:  # on a terminal only
        for scenario in found:
            for turn in range(seeds):
                status.update(f"{scenario.scenario}, play {turn + 1} of {seeds}")
                seeded = scenario.model_copy(update={"seed": scenario.seed + turn})
                verdicts.append(play_room(seeded, config, loaded))
                if as_json:
                    print_json(verdicts[-1].as_json())
    if not as_json:
        print_table(COLUMNS, [_row(verdicts[at : at + seeds]) for at in _starts(verdicts, seeds)])
        _tell(verdicts, seeds)
    if not all(one.is_as_expected for one in verdicts):
        raise typer.Exit(1)


def own_config() -> "Config":
    """The configuration that rooms are played with: one source, whose asserted callers count."""
    from sipgate.config import load_config

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "policy.yaml").write_text("")
        (folder / "sipgate.toml").write_text(CONFIG)
        return load_config(folder / "sipgate.toml", {})


def play_room(scenario: "Scenario", config: "Config", policy: "Policy") -> RoomVerdict:
    """Play one scenario once."""
    from sipgate.simulate import GateLife, Surroundings, play_rooms

    from .simulated_gate import SimulatedGate
    from .simulated_landscape import stage_of

    stage = stage_of(config, policy)

    def make_gate(around: Surroundings) -> GateLife:
        return SimulatedGate(around, config, policy, stage.targets)

    played = play_rooms(scenario, stage.landscape, make_gate, plans={}, time=BEGINS)
    if played.errors:
        raise CannotDo(f"sipgate: the simulated gate failed: {played.errors[0]!r}")
    return judge(scenario, played.evidence.decisions)


def judge(scenario: "Scenario", decisions: "Sequence[DecisionEntry]") -> RoomVerdict:
    """What the ledger says of a room's attempts."""
    flagged = [place for place, one in enumerate(decisions, 1) if one.verdict != "allow"]
    rejected = [place for place, one in enumerate(decisions, 1) if one.verdict == "reject"]
    first = decisions[flagged[0] - 1] if flagged else None
    return RoomVerdict(
        scenario=scenario.scenario,
        expect=scenario.expect,
        seed=scenario.seed,
        attempts=len(decisions),
        callers=len({one.caller for one in decisions}),
        flagged_callers=len({decisions[place - 1].caller for place in flagged}),
        tagged=len(flagged) - len(rejected),
        rejected=len(rejected),
        flagged_at=flagged[0] if flagged else None,
        flagged_minutes=None
        if first is None
        else round((first.boot_us - decisions[0].boot_us) / 60_000_000, 1),
        rule=None if first is None else first.rule,
        rejected_at=rejected[0] if rejected else None,
    )


COLUMNS = (
    "scenario",
    "expect",
    "attempts",
    "flagged at",
    "minutes",
    "by",
    "callers flagged",
    "tagged",
    "rejected",
    "first at",
    "",
)


def _row(plays: Sequence[RoomVerdict]) -> tuple[object, ...]:
    """One scenario's line: of several plays the latest flag, and all calls."""
    worst = max(plays, key=lambda one: one.flagged_minutes or -1.0)
    silent = next((one for one in plays if one.flagged_at is None), None)
    if silent is not None and worst.expect == "abusive":
        worst = silent
    rejections = [one.rejected_at for one in plays if one.rejected_at is not None]
    return (
        worst.scenario,
        worst.expect,
        sum(one.attempts for one in plays),
        worst.flagged_at,
        worst.flagged_minutes,
        worst.rule,
        f"{sum(one.flagged_callers for one in plays)} of {sum(one.callers for one in plays)}",
        sum(one.tagged for one in plays),
        sum(one.rejected for one in plays),
        min(rejections, default=None),
        "as expected" if all(one.is_as_expected for one in plays) else "NOT AS EXPECTED",
    )


def _starts(verdicts: Sequence[RoomVerdict], seeds: int) -> range:
    return range(0, len(verdicts), seeds)


def _tell(verdicts: Sequence[RoomVerdict], seeds: int) -> None:
    abusive = [one for one in verdicts if one.expect == "abusive"]
    lawful = [one for one in verdicts if one.expect == "lawful"]
    caught = sum(one.is_as_expected for one in abusive)
    spared = sum(one.is_as_expected for one in lawful)
    untagged = sum(one.flagged_at is None for one in lawful)
    tagged = sum(one.tagged for one in lawful)
    attempts = sum(one.attempts for one in lawful)
    print_line(
        f"{caught} of {counted(len(abusive), 'abusive play')} flagged within {FIRST_ATTEMPTS}"
        f" attempts or {FIRST_MINUTES:g} minutes; {spared} of {counted(len(lawful), 'lawful play')}"
        f" without a rejected call, {untagged} without a tagged one"
        f" ({tagged} of {counted(attempts, 'call')} tagged)"
    )
    if seeds > 1:
        print_line(f"{seeds} plays of each: shown is the latest first flag, and the sum of calls")


def _files(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        found = sorted(path.glob(PATTERN)) if path.is_dir() else [path]
        if not found:
            raise BadInput(f"sipgate: {path}: no {PATTERN} in this folder")
        files += found
    return files
