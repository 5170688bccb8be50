"""The gate under test: a real process with a configuration of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .endpoints import HOST, wait_for_answer

COMMAND = Path(sys.executable).parent / "sipgate"

_CONFIGURATION = """\
[gate]
name = "bench"
policy = "policy.yaml"
store = "sqlite:///store/gate.db"

[limits]
packets-per-second = 1000000
transactions-per-source = 1000000

[[listen]]
transport = "udp"
address = "{host}:{port}"

[[source]]
name = "floor"
match = ["127.0.0.1"]
identity = ["from"]
region = "DE"
upstream = "carrier"

[[upstream]]
name = "carrier"
targets = ["sip:{host}:{upstream_port}"]
"""

_POLICY = """\
policy: bench
revision: "1"
region: DE
rules:
  - id: deny-list
    list: {{name: deny, of: callee}}
    then: {{reject: 403, reason: "callee is on the deny list"}}
  - id: hourly-cap
    rate: {{per: caller, limit: {limit}, window: 1h}}
    then: {{reject: 403, reason: "limit of {{limit}} calls an hour reached"}}
"""


def write_configuration(folder: Path, port: int, upstream_port: int, limit: int) -> Path:
    """A gate with a deny list and one limit per caller; its store lies under `folder`."""
    (folder / "store").mkdir(parents=True, exist_ok=True)
    configuration = folder / "sipgate.toml"
    configuration.write_text(
        _CONFIGURATION.format(host=HOST, port=port, upstream_port=upstream_port)
    )
    (folder / "policy.yaml").write_text(_POLICY.format(limit=limit))
    return configuration


def import_deny_list(folder: Path, configuration: Path) -> None:
    """Put 99 numbers that nobody calls on the list."""
    numbers = folder / "deny.txt"
    numbers.write_text("".join(f"+4930111000{n:02}\n" for n in range(99)))
    sipgate(configuration, "list", "import", "deny", str(numbers))


def sipgate(configuration: Path, *words: str) -> str:
    """Run a command of the gate to its end; what it printed."""
    command = [str(COMMAND), *words, "-c", str(configuration)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Gate:
    """A running gate; `start`, `kill` and `start` again keep its store."""

    def __init__(self, configuration: Path, port: int, core: int | None = None) -> None:
        self.configuration = configuration
        self.log = configuration.parent / "gate.log"
        self._port = port
        self._core = core
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the running gate."""
        assert self._process is not None
        return self._process.pid

    def start(self, seconds: float = 20.0) -> float:
        """Start it and wait for its answer to OPTIONS; how long that took, in seconds."""
        began = time.monotonic()
        pinned = ["taskset", "-c", str(self._core)] if self._core is not None else []
        written = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*pinned, str(COMMAND), "run", "-c", str(self.configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for_answer(self._port, seconds)
        self._wait_until_ready(written, began + seconds)
        return time.monotonic() - began

    def _wait_until_ready(self, written: int, until: float) -> None:
        """It answers OPTIONS before its counters are rebuilt, and new calls only after."""
        while b'"gate_started"' not in self.log.read_bytes()[written:]:
            if time.monotonic() > until:
                raise TimeoutError(f"the gate never said that it has started: {self.log}")
            time.sleep(0.01)

    def kill(self) -> None:
        """End it as a power cut would."""
        os.kill(self.pid, signal.SIGKILL)
        self._wait()

    def stop(self, seconds: float = 40.0) -> int | None:
        """Ask it to end (SIGTERM: it drains); its exit status, None if it had to be killed."""
        if self._process is None:
            return None
        self._process.terminate()
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return None
        finally:
            self._process = None

    def _wait(self) -> None:
        assert self._process is not None
        self._process.wait()
        self._process = None


@contextmanager
def gate(
    folder: Path, port: int, upstream_port: int, *, core: int | None, limit: int = 1_000_000
) -> Iterator[int]:
    """A gate on `port` with an empty store, ready; gives the process id."""
    for path in (folder / "store").glob("*"):
        path.unlink()
    configuration = write_configuration(folder, port, upstream_port, limit)
    import_deny_list(folder, configuration)
    running = Gate(configuration, port, core)
    running.log.unlink(missing_ok=True)
    try:
        running.start()
        yield running.pid
    finally:
        running.stop(seconds=10.0)
