"""What `sipgate run` says when it is ready."""

import sys
from collections.abc import Sequence
from pathlib import Path

import structlog

from sipgate.config import Config
from sipgate.gate import Policy
from sipgate.net import Listener

log = structlog.get_logger()


def announce(
    gate: str,
    listeners: Sequence[Listener],
    policy: Policy,
    store: Path,
    upstreams: Sequence[str],
    hints: Sequence[str],
    *,
    is_trial: bool,
) -> None:
    """Where it listens, which policy decides, where the evidence is, what to try next.

    Always as a log event; for people on a terminal, and in a trial everywhere.
    """
    log.info(
        "gate_started",
        gate=gate,
        listens=[listener.name for listener in listeners],
        policy=policy.name,
        revision=policy.revision,
        policy_sha256=policy.sha256,
        store=str(store),
    )
    if not (is_trial or sys.stdout.isatty()):
        return
    lines = [
        "",
        f"sipgate {gate} is up.",
        "  listens on   " + ", ".join(listener.name for listener in listeners),
        f"  policy       {policy.name}, revision {policy.revision}, sha256 {policy.sha256[:16]}…",
        f"               {policy.path}",
        "  calls go to  " + ", ".join(upstreams),
        f"  evidence     {store}",
        "",
        *(f"  {hint}" for hint in hints),
        "",
    ]
    print("\n".join(lines), flush=True)


def hints(config: Config, look: str) -> list[str]:
    """What to try next; `look` is the command that shows the decisions of this gate."""
    lines = []
    if is_trial(config):
        lines += [
            f"Point any softphone at this machine, port {config.listen[0].address.port},"
            " any user name, no password,",
            "and dial any number: the test callee answers.",
            "Or let a dialer room loose on it, in another terminal:  make demo",
        ]
    return [*lines, f"See what was decided:  {look}"]


def is_trial(config: Config) -> bool:
    """Whether calls end at the built-in test callee, not with people."""
    return any(target.is_built_in for upstream in config.upstream for target in upstream.targets)
