"""A real gate in a folder of its own, between the callers of a test and one upstream."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from bench.endpoints import HOST, free_port
from bench.gate import Gate, sipgate

OUTCOME_SECONDS = 5.0  # outcomes may be written a little later than the call ends

_CONFIGURATION = """\
[gate]
name = "gate-1"
policy = "policy.yaml"
store = "sqlite:///store/gate.db"

[[listen]]
transport = "udp"
address = "{host}:{port}"

[[listen]]
transport = "tcp"
address = "{host}:{port}"

[[source]]
name = "floor"
match = ["127.0.0.0/8"]
identity = {identity}
region = "DE"
registrations = "{registrations}"
upstream = "carrier"
{source}

[[upstream]]
name = "carrier"
targets = ["sip:{host}:{upstream_port}{transport}"{spare}]
{more}
"""

_POLICY = """\
policy: interop
revision: "7"
region: DE
rules:
  - id: deny-list
    list: {{name: deny, of: callee}}
    then: {{reject: 403, reason: "this person is on the deny list"}}
  - id: minute-cap
    rate: {{per: caller, limit: {limit}, window: 10m}}
    then: {{reject: 403, reason: "limit of {{limit}} calls reached"}}
"""


@dataclass(frozen=True, slots=True)
class House:
    """A running gate."""

    folder: Path
    port: int
    upstream_port: int
    gate: Gate

    def sipgate(self, *words: str) -> str:
        """Run a command of the gate with this configuration; what it printed."""
        return sipgate(self.gate.configuration, *words)

    def calls(self) -> list[dict[str, Any]]:
        """Every decision with its outcome, oldest first, as the command line tells it."""
        lines = self.sipgate("calls", "--json").splitlines()
        return [cast(dict[str, Any], json.loads(line)) for line in lines]

    def ended_calls(self, count: int) -> list[dict[str, Any]]:
        """The same, once there are `count` and each admitted one has its outcome."""
        deadline = time.monotonic() + OUTCOME_SECONDS
        while True:
            calls = self.calls()
            if len(calls) >= count and all(map(_is_over, calls)):
                return calls
            if time.monotonic() > deadline:
                raise AssertionError(f"expected {count} calls that have ended, found {calls}")
            time.sleep(0.1)

    def log(self) -> str:
        """What the gate has logged so far."""
        return self.gate.log.read_text(errors="replace")


@contextmanager
def house(
    folder: Path,
    *,
    upstream_port: int | None = None,
    upstream_transport: str = "udp",
    limit: int = 100,
    port: int | None = None,
    registrations: str = "pass",
    identity: str = '["from"]',
    source: str = "",
    more: str = "",
    spare_port: int | None = None,
) -> Iterator[House]:
    """A gate that lets each caller place `limit` calls; its log must stay free of tracebacks.

    `spare_port` is that of a second target, over the same transport. `source` are more lines of
    its one source, `more` are lines at the end of its configuration, which is its upstream.
    """
    port = port or free_port()
    upstream_port = upstream_port or free_port()
    (folder / "store").mkdir()
    (folder / "policy.yaml").write_text(_POLICY.format(limit=limit))
    transport = ";transport=tcp" if upstream_transport == "tcp" else ""
    configuration = folder / "sipgate.toml"
    configuration.write_text(
        _CONFIGURATION.format(
            host=HOST,
            port=port,
            upstream_port=upstream_port,
            registrations=registrations,
            transport=transport,
            identity=identity,
            source=source,
            more=more,
            spare="" if spare_port is None else f', "sip:{HOST}:{spare_port}{transport}"',
        )
    )
    gate = Gate(configuration, port)
    try:
        gate.start()
        here = House(folder=folder, port=port, upstream_port=upstream_port, gate=gate)
        yield here
        assert "Traceback" not in here.log(), here.log()[-5000:]
    finally:
        gate.stop(seconds=2.0)


def _is_over(call: dict[str, Any]) -> bool:
    return call["verdict"] == "reject" or bool(call["outcome"] and call["outcome"]["kind"])
