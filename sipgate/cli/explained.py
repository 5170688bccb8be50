"""How an explanation is shown: rule by rule, for people and for machines."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sipgate.gate import Explained


def explained_lines(explained: "Sequence[Explained]") -> list[str]:
    """Each rule in a line, in columns."""
    return row_lines([one.row() for one in explained])


def row_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The same, of rows."""
    if not rows:
        return ["no rule was asked"]
    widest = max(len(row["rule"]) for row in rows)
    lines = []
    for row in rows:
        told = [row["words"]] if row["words"] else []
        if row["state"] == "held" and row["does"]:
            told.append(f"so {row['does']}")
        if row["after"] is not None:
            told.append(f"past {row['after']}, which settled it")
        state = row["state"].replace("_", " ")
        lines.append(f"{row['rule']:<{widest}}  {state:<12}  {'; '.join(told)}".rstrip())
    return lines


def decision_line(row: Mapping[str, Any]) -> str:
    """A decision in one sentence, of its row."""
    told = str(row["verdict"])
    if row["code"] is not None:
        told += f" {row['code']}"
    if row["rule"] is not None:
        told += f" by {row['rule']}"
    if row["reason"] is not None:
        told += f": {row['reason']}"
    if row["retry_after"] is not None:
        told += f" (Retry-After: {row['retry_after']})"
    if row["redress"] is not None:
        told += f" (603+: {row['redress']})"
    for name, value in row["tags"].items():
        told += f"; {name}: {value}"
    if row["would"] is not None:
        would = row["would"]
        told += f"; without monitor mode {would['verdict']} by {would['rule']}"
        if would["reason"] is not None:
            told += f": {would['reason']}"
    return told
