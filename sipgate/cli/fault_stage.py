"""Plays with faults on a configuration of the user's, or on one that has a bit of everything."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from sipgate.config import Config, load_config
from sipgate.gate import Policy, load_policy
from sipgate.simulate import GateLife, NetworkPlay, Surroundings

from .simulated_gate import SimulatedGate
from .simulated_landscape import stage_of

OWN_POLICY = """policy: plays
revision: 1
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
  - id: standing
    trust: {per: caller, below: 98}
    then: {tag: {X-Standing: "{standing}"}}
  - id: machine
    dialer: {per: caller, score: 0.1}
    then: {tag: {X-Dialer: "{score} {signs}"}}
"""
OWN_CONFIG = """[gate]
policy = "policy.yaml"
max-call = "2m"
[[listen]]
transport = "udp"
address = "0.0.0.0:5060"
[[listen]]
transport = "tcp"
address = "0.0.0.0:5060"
[[source]]
name = "hq"
match = ["10.1.0.0/16"]
identity = ["from"]
region = "US"
[[source]]
name = "branch"
match = ["10.2.0.0/16"]
identity = ["from"]
region = "US"
[[upstream]]
name = "carrier"
targets = ["sip:carrier.example.com{transport}"]
"""

PlayOf = Callable[[int], NetworkPlay]


def own_plays(transport: str = "udp", spare: Sequence[str] = ()) -> PlayOf:
    """What makes the play of a seed, for the built-in configuration.

    `transport` is that of the upstream's first target, `spare` those of the ones behind it.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        suffix = "" if transport == "udp" else f";transport={transport}"
        (folder / "policy.yaml").write_text(OWN_POLICY)
        (folder / "sipgate.toml").write_text(OWN_CONFIG.format(transport=suffix))
        config = load_config(folder / "sipgate.toml", {})
        return plays(config, load_policy(config.gate.policy), spare)


def plays(config: Config, policy: Policy, spare: Sequence[str] = ()) -> PlayOf:
    """What makes the play of a seed. Raises BadInput where nobody could call."""
    stage = stage_of(config, policy, spare)

    def make_gate(around: Surroundings) -> GateLife:
        return SimulatedGate(around, config, policy, stage.targets)

    def play_of(seed: int) -> NetworkPlay:
        return NetworkPlay(seed, stage.landscape, make_gate)

    return play_of
