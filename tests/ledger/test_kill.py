"""`kill -9` under load: nothing that was acknowledged is missing, and the numbers have no gap."""

import subprocess
import sys
from pathlib import Path

import pytest

from sipgate.ledger import LedgerReader

CHILD = """
import asyncio, os, sys
from pathlib import Path
from sipgate.clock import SystemClock
from sipgate.ledger import ActEntry, Ledger

async def main():
    clock = SystemClock()
    ledger = await Ledger.open(Path(sys.argv[1]), gate="g", clock=clock)
    ledger.on_durable = lambda seq: os.write(1, b"%d\\n" % seq)
    while True:
        for _ in range(20):
            entry = ActEntry(time_us=1, boot=clock.boot_id, boot_us=1, kind="k", by="x" * 800)
            ledger.append(entry, urgent=ledger.next_seq % 3 == 0)
        await asyncio.sleep(0.001)
        while ledger.waiting > 10_000:
            await asyncio.sleep(0.001)

asyncio.run(main())
"""


def acknowledged_before_kill(path: Path, enough: int) -> int:
    """Let a child write until it has acknowledged `enough`, kill it, and say how far it came."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, bufsize=0
    ) as child:
        assert child.stdout is not None
        with child.stdout:
            last = 0
            while last < enough:
                line = child.stdout.readline()
                assert line, "the child has ended by itself"
                last = int(line)
            child.kill()
            rest = child.stdout.read().splitlines()
        return int(rest[-1]) if rest else last


@pytest.mark.parametrize("kills", [1, 3], ids=["once", "three times in a row"])
def test_what_was_acknowledged_survives_a_kill_and_the_numbers_have_no_gap(
    path: Path, kills: int
) -> None:
    last = 0
    for _ in range(kills):
        acknowledged = acknowledged_before_kill(path, last + 2000)
        with LedgerReader(path) as reader:
            numbers = [entry.seq for entry in reader.entries()]
        last = len(numbers)

        assert numbers == list(range(1, last + 1))
        assert last >= acknowledged
