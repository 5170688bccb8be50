"""What the ledger says of each attempt."""

from tests.proxy.house import House


def verdicts(house: House) -> list[tuple[str, str, str | None]]:
    """Callee, verdict and rule of each decision, oldest first."""
    return [(entry.callee, entry.verdict, entry.rule) for entry in house.decisions]


def reached(house: House) -> list[str]:
    """The INVITEs that went out to the trunk since the last time."""
    return [line for line in house.heard() if line.startswith("trunk: INVITE ")]
