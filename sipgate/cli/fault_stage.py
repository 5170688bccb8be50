"""The stage for plays with faults: a landscape and gates made from a configuration."""

import tempfile
from pathlib import Path

from sipgate.config import load_config
from sipgate.gate import load_policy
from sipgate.proxy import Target
from sipgate.simulate import Dialling, GateLife, Landscape, Limit, NetworkPlay, Surroundings

from .simulated_gate import SimulatedGate

OWN_POLICY = """policy: plays
revision: "1"
region: US
rules:
  - id: lines
    concurrent: {per: caller, limit: 2}
    then: {reject: 486, reason: "{count} of {limit} lines are taken"}
  - id: twice
    rate: {per: [caller, callee], limit: 3, window: 1h, count: admitted}
    then: {reject: 603}
  - id: pace
    rate: {per: caller, limit: 5, window: 8s}
    then: {reject: 603}
  - id: daily
    rate: {per: source, limit: 12, window: day}
    then: {reject: 403}
  - id: alert
    rate: {per: caller, limit: 2, window: 10s}
    then: {tag: {X-Campaign-Alert: "speed {count}/{limit}"}}
"""
OWN_CONFIG = """[gate]
name = "gate-1"
policy = "policy.yaml"
max-call = "2m"
[[listen]]
transport = "udp"
address = "10.0.0.1:5060"
[[listen]]
transport = "tcp"
address = "10.0.0.1:5060"
[[source]]
name = "hq"
match = ["10.1.0.0/16"]
identity = ["from"]
region = "US"
[[upstream]]
name = "carrier"
targets = ["sip:10.9.0.9:5080{transport}"]
"""
OWN_LIMITS = (
    Limit(name="lines", kind="concurrent", per=("caller",), limit=2),
    Limit(
        name="twice",
        kind="rate",
        per=("caller", "callee"),
        limit=3,
        window_seconds=3600.0,
        counts_refused=False,
    ),
    Limit(name="pace", kind="rate", per=("caller",), limit=5, window_seconds=8.0),
    Limit(name="daily", kind="rate", per=("source",), limit=12),
)


class FaultStage:
    """Makes the play of any seed."""

    def __init__(self, transport: str = "udp") -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            suffix = ";transport=tcp" if transport == "tcp" else ""
            (folder / "policy.yaml").write_text(OWN_POLICY)
            (folder / "sipgate.toml").write_text(OWN_CONFIG.format(transport=suffix))
            self._config = load_config(folder / "sipgate.toml", {})
            self._policy = load_policy(folder / "policy.yaml")
        self._targets = {
            "carrier": Target(
                transport=transport, host="10.9.0.9", port=5080, uri_hostport=b"10.9.0.9:5080"
            )
        }
        self._landscape = Landscape(
            gate="10.0.0.1",
            gate_ports=(("udp", 5060), ("tcp", 5060)),
            callers=(("10.1.0.7", "udp"), ("10.1.0.8", "tcp"), ("10.1.0.9", "udp")),
            targets=((transport, "10.9.0.9", 5080),),
            dialling=Dialling(
                callers=("4711", "4712", "4713"),
                numbers=("+13055550001", "+13055550002", "+13055550003"),
                emergency="911",
            ),
            limits=OWN_LIMITS,
        )

    def play_of(self, seed: int) -> NetworkPlay:
        return NetworkPlay(seed, self._landscape, self._make_gate)

    def _make_gate(self, around: Surroundings) -> GateLife:
        return SimulatedGate(around, self._config, self._policy, self._targets)
