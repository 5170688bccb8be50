"""A summary as people see it: the live table, and the words at the end."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .summary import Summary, Tally

MAX_ROWS = 40  # a terminal's height; the rest is in the last row and in --json
VERDICT_STYLES = {"allowed": "green", "tagged": "yellow", "refused": "bold red"}
COLUMNS = ("attempts", "allowed", "tagged", "refused", "answered", "cancelled", "busy")


def render(summary: Summary) -> RenderableType:
    """The table of all agents, for `rich.live.Live` and for the end."""
    table = Table(title=Text(_title(summary)), caption=_caption(summary), title_justify="left")
    table.add_column("agent")
    table.add_column("extension")
    for name in COLUMNS:
        table.add_column(name, justify="right", style=VERDICT_STYLES.get(name, ""))
    table.add_column("other", justify="right")
    table.add_column("last refusal, or last tag", overflow="fold")
    room = None
    for agent in summary.agents[:MAX_ROWS]:
        if room is not None and room != agent.room:
            table.add_section()
        room = agent.room
        words = (agent.name, agent.extension, *_counts(agent), _told(agent))
        table.add_row(*map(Text, words))  # Text: a peer's words are no markup
    table.add_section()
    totals = summary.totals
    left_out = len(summary.agents) - MAX_ROWS
    table.add_row(
        f"all {len(summary.agents)}" + (f" ({left_out} not shown)" if left_out > 0 else ""),
        "",
        *(str(totals[name]) for name in COLUMNS),
        str(totals["declined"] + totals["failed"]),
        "",
        style="bold",
    )
    return table


def render_end(summary: Summary) -> RenderableType:
    """The table and one sentence for each agent who was stopped or tagged."""
    return Group(render(summary), *(Text(line) for line in sentences(summary)))


def sentences(summary: Summary) -> list[str]:
    """What there is to say, agent by agent, and in all."""
    lines = [_sentence(agent) for agent in summary.agents if agent.refused or agent.tagged]
    totals = summary.totals
    if not totals["attempts"]:
        return ["No call was placed."]
    if not lines:
        lines.append("Nobody was refused or tagged.")
    elif untouched := sum(not (agent.refused or agent.tagged) for agent in summary.agents):
        others = "1 other agent" if untouched == 1 else f"{untouched} other agents"
        lines.append(f"{others}: every call let through.")
    if totals["unclear"]:
        calls = "1 call" if totals["unclear"] == 1 else f"{totals['unclear']} calls"
        lines.append(f"{calls} without a verdict: no answer, or given up early.")
    return lines


def _sentence(agent: Tally) -> str:
    parts = [f"{agent.allowed} allowed", f"{agent.tagged} tagged", f"{agent.refused} refused"]
    line = f"{agent.name} ({agent.extension}): {', '.join(parts)} of {agent.attempts}"
    if agent.first_refused_attempt is not None:
        line += f"; first refused at call {agent.first_refused_attempt}: {_refusal(agent)}"
    return line + "."


def _title(summary: Summary) -> str:
    pace = "" if summary.pace == 1 else f", {summary.pace:g} times as fast as life"
    return f"{summary.scenario} → {summary.gate}{pace}"


def _caption(summary: Summary) -> str:
    total = "" if summary.total_seconds is None else f" of {summary.total_seconds:.0f}"
    state = "over after" if summary.is_over else "running for"
    return f"{state} {summary.elapsed_seconds:.0f}{'' if summary.is_over else total} s"


def _counts(agent: Tally) -> list[str]:
    counts = [getattr(agent, name) for name in COLUMNS] + [agent.declined + agent.failed]
    return [str(count) if count else "·" for count in counts]


def _told(agent: Tally) -> str:
    if agent.refused:
        return _refusal(agent)
    return agent.last_tag or ""


def _refusal(agent: Tally) -> str:
    return f"{agent.last_status} {agent.last_reason or ''}".strip()
