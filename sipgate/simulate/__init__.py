"""The other ends of a call: a test callee, and dialer rooms that call through a gate.

Both are real SIP user agents over real sockets, built from what `sip` and `net` offer, with one
timer each. A scenario or plan is a YAML file whose mistakes are named by file and line.
This layer must not know the gate: no policy, no ledger, no proxy. What it tells of verdicts it
has seen from outside, as a caller and a callee see it.

RFC 3261 §8, §9, §12-15 (user agents), §10.3 (a registrar that accepts all), RFC 3264 (answers
without media), RFC 3326 (the Reason of a refusal).
"""

from .agenda import Agenda, Alarm
from .call_plan import Dialling
from .callee import AnsweringEnd, CalleeEvent, answering_end, run_callee
from .document import BadFile, FileProblem
from .fate import ASK_HEADER, SAW_HEADER, Fate
from .fault_plan import FaultPlan
from .limit_model import Limit
from .network_play import GateLife, GatePort, Landscape, NetworkPlay, PlayReport, Surroundings
from .plan import CalleePlan, default_plan, load_plan, parse_plan
from .room import GateUnreachable, run_scenario
from .scenario import Scenario, load_scenario, parse_scenario
from .simulated_disk import SimulatedDisk, SimulatedWriter
from .spelling import Address, parse_address
from .summary import Summary, Tally
from .table import render, render_end, sentences
from .virtual_room import RoomPlayed, play_rooms
from .weather import CALM, Weather

__all__ = [
    "ASK_HEADER",
    "CALM",
    "SAW_HEADER",
    "Address",
    "Agenda",
    "Alarm",
    "AnsweringEnd",
    "BadFile",
    "CalleeEvent",
    "CalleePlan",
    "Dialling",
    "Fate",
    "FaultPlan",
    "FileProblem",
    "GateLife",
    "GatePort",
    "GateUnreachable",
    "Landscape",
    "Limit",
    "NetworkPlay",
    "PlayReport",
    "RoomPlayed",
    "Scenario",
    "SimulatedDisk",
    "SimulatedWriter",
    "Summary",
    "Surroundings",
    "Tally",
    "Weather",
    "answering_end",
    "default_plan",
    "load_plan",
    "load_scenario",
    "parse_address",
    "parse_plan",
    "parse_scenario",
    "play_rooms",
    "render",
    "render_end",
    "run_callee",
    "run_scenario",
    "sentences",
]
