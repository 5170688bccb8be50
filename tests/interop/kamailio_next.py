"""A Kamailio that stands before or behind the gate: a proxy, or a registrar."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.endpoints import HOST, free_port, wait_for_answer

CONFIGURATION = Path(__file__).with_suffix(".cfg")
REGISTRAR = Path(__file__).with_name("kamailio_registrar.cfg")


def is_installed() -> bool:
    """Whether there is one."""
    return shutil.which("kamailio") is not None


@contextmanager
def kamailio_next(
    folder: Path, next_port: int, *, port: int | None = None, fork_to: str = ""
) -> Iterator[int]:
    """A Kamailio that sends all calls to `next_port`; gives its own port.

    With `fork_to` it rings that number too, under the same Call-ID.
    """
    port = port or free_port()
    definitions = ["-A", f'NEXT_PORT="{next_port}"']
    if fork_to:
        definitions += ["-A", f'FORK_TO="{fork_to}"']
    with _running(folder, CONFIGURATION, port, definitions):
        yield port


@contextmanager
def kamailio_registrar(folder: Path) -> Iterator[int]:
    """A Kamailio where phones register, and that rings them; gives its port."""
    port = free_port()
    with _running(folder, REGISTRAR, port, []):
        yield port


@contextmanager
def _running(
    folder: Path, configuration: Path, port: int, definitions: list[str]
) -> Iterator[None]:
    command = [
        "kamailio", "-DD", "-E", "-f", str(configuration), "-l", f"udp:{HOST}:{port}",
        "-m", "64", "-w", str(folder), "-Y", str(folder), *definitions,
    ]  # fmt: skip
    with (folder / "kamailio.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            wait_for_answer(port)
            yield
        finally:
            process.terminate()
            process.wait()
