"""What a process and all its children and threads have used, as /proc tells it."""

import os
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def process_tree(pid: int) -> list[int]:
    """The process and all its living descendants."""
    children_by_parent: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children_by_parent.setdefault(int(fields[1]), []).append(int(entry.name))
    tree = [pid]
    for parent in tree:  # grows while it is read
        tree.extend(children_by_parent.get(parent, ()))
    return tree


def cpu_seconds(pid: int) -> float:
    """CPU time of the whole tree, user and system, with threads and children that have ended."""
    ticks = 0
    for member in process_tree(pid):
        if fields := _stat(member):
            ticks += sum(int(field) for field in fields[11:15])  # utime, stime, cutime, cstime
    return ticks / _TICKS_PER_SECOND


def resident_bytes(pid: int) -> int:
    """Memory of the whole tree; a page shared by several processes counts once in all."""
    kibibytes = 0
    for member in process_tree(pid):
        try:
            lines = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        kibibytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kibibytes * 1024


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on (index 0 is field 3); None: it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text[text.rindex(")") + 2 :].split()
