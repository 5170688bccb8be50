"""What `sipgate run` says when it is ready."""

import sys
from collections.abc import Sequence
from pathlib import Path

import structlog

from sipgate.gate import Policy
from sipgate.net import Listener

log = structlog.get_logger()


def set_up_logging() -> None:
    """Readable on a terminal, JSON lines elsewhere; both on stderr."""
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if sys.stderr.isatty():
        renderer = structlog.dev.ConsoleRenderer()
    else:
        processors.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


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
