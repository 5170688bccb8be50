"""Kamailio doing the gate's job, at its best: fast allocator, one UDP child, no TCP."""

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .endpoints import HOST, wait_for_answer

CONFIGURATION = Path(__file__).parent / "kamailio.cfg"
_SOCKET_BUFFER_BYTES = 4_000_000  # its default loses packets when it is kept from running for 40 ms

# acc's table and its version 5, as the module's documentation describes them.
_TABLES = """
PRAGMA journal_mode = WAL;
CREATE TABLE version (table_name TEXT NOT NULL PRIMARY KEY, table_version INTEGER NOT NULL);
CREATE TABLE acc (
    id INTEGER PRIMARY KEY NOT NULL, method TEXT NOT NULL, from_tag TEXT NOT NULL,
    to_tag TEXT NOT NULL, callid TEXT NOT NULL, sip_code TEXT NOT NULL, sip_reason TEXT NOT NULL,
    time TIMESTAMP NOT NULL);
CREATE INDEX acc_by_callid ON acc (callid);
CREATE TABLE missed_calls (
    id INTEGER PRIMARY KEY NOT NULL, method TEXT NOT NULL, from_tag TEXT NOT NULL,
    to_tag TEXT NOT NULL, callid TEXT NOT NULL, sip_code TEXT NOT NULL, sip_reason TEXT NOT NULL,
    time TIMESTAMP NOT NULL);
CREATE INDEX missed_calls_by_callid ON missed_calls (callid);
INSERT INTO version VALUES ('acc', 5), ('missed_calls', 4);
"""


def is_installed() -> bool:
    """Whether there is a Kamailio to compare with."""
    return shutil.which("kamailio") is not None


@contextmanager
def kamailio(
    folder: Path, port: int, upstream_port: int, *, record: bool, core: int | None
) -> Iterator[int]:
    """Kamailio on `port`, ready; gives the process id. `record`: acc writes into SQLite."""
    definitions = ["-A", f"UPSTREAM_PORT={upstream_port}"]
    if record:
        database = folder / "acc.db"
        _make_tables(database)
        definitions += ["-A", "RECORD", "-A", f'RECORD_URL="sqlite:///{database}"']
    command = [
        *(["taskset", "-c", str(core)] if core is not None else []),
        "kamailio", "-DD", "-E", "-f", str(CONFIGURATION), "-l", f"udp:{HOST}:{port}",
        "-b", str(_SOCKET_BUFFER_BYTES),
        "-x", "fm", "-X", "fm", "-m", "512", "-M", "32", "-w", str(folder), "-Y", str(folder),
        *definitions,
    ]  # fmt: skip
    with (folder / "kamailio.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            wait_for_answer(port)
            yield process.pid
        finally:
            process.terminate()
            process.wait()


def _make_tables(database: Path) -> None:
    for path in (database, Path(f"{database}-wal"), Path(f"{database}-shm")):
        path.unlink(missing_ok=True)
    connection = sqlite3.connect(database)
    connection.executescript(_TABLES)
    connection.close()
