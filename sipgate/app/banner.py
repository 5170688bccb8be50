"""What `sipgate run` says when it is ready."""

import sys
from collections.abc import Sequence
from pathlib import Path

import structlog

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
) -> None:
    """Where it listens, which policy decides, where the evidence is, what to try next."""
    log.info(
        "gate_started",
        gate=gate,
        listens=[listener.name for listener in listeners],
        policy=policy.name,
        revision=policy.revision,
        policy_sha256=policy.sha256,
        store=str(store),
    )
    if not sys.stdout.isatty():
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
