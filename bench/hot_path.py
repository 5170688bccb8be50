"""`python -m bench.hot_path`: what one call costs in the proxy, without sockets and disk.

A whole call (INVITE, 100, 180, 200, ACK, BYE, 200) goes through `Proxy.packet` in one thread. The
flows and the writer thread are replaced; parsing, routing, decision and the encoding of entries
are the gate's own. `--profile` says where the time goes.
"""

import argparse
import cProfile
import gc
import pstats
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

from sipgate.app import build
from sipgate.app.build import sip_limits
from sipgate.clock import SystemClock
from sipgate.config import load_config
from sipgate.gate import MemoryLists, load_policy
from sipgate.ledger import encode_entry
from sipgate.net import Flow
from sipgate.proxy import Target

POLICY = """policy: bench
revision: 1
rules:
  - id: denied
    list: {name: denied, of: callee}
    then: {reject: 403, reason: "denied"}
  - id: fast
    rate: {per: caller, limit: 1000000, window: 1m}
    then: {reject: 403, reason: "too fast"}
"""
CONFIG = """[gate]
policy = "policy.yaml"
store = "sqlite:///hot.db"
[[listen]]
transport = "udp"
address = "127.0.0.1:5060"
[[source]]
name = "hq"
match = ["127.0.0.0/8"]
identity = ["from"]
region = "US"
upstream = "trunk"
[[upstream]]
name = "trunk"
targets = ["sip:127.0.0.1:5080"]
"""
GC_THRESHOLDS = (50_000, 20, 100)
SDP = (
    b"v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
    b"t=0 0\r\nm=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
)


class OwnFlow(Flow):
    """A flow that keeps the last datagram sent."""

    transport = "udp"
    reliable = False
    is_open = True

    def __init__(self, host: str, port: int, listener: object) -> None:
        super().__init__(host, port, listener)  # type: ignore[arg-type]
        self.sent = b""

    @property
    def local_sent_by(self) -> bytes:
        return b"127.0.0.1:5060"

    def send(self, data: bytes) -> None:
        self.sent = data


class OwnNetwork:
    """Gives the same flow for the same peer."""

    def __init__(self) -> None:
        self.flows: dict[tuple[str, int], OwnFlow] = {}

    def flow_to(self, transport: str, host: str, port: int, *, listener: object = None) -> OwnFlow:
        flow = self.flows.get((host, port))
        if flow is None:
            flow = self.flows[host, port] = OwnFlow(host, port, LISTENER)
        return flow


class OwnLedger:
    """Encodes each entry and calls it durable at once."""

    failing_since = None

    def __init__(self) -> None:
        self.next_seq = 1
        self.durable_seq = 1 << 40

    def append(self, entry: object, urgent: bool = True) -> int:
        entry.seq = self.next_seq  # type: ignore[attr-defined]
        encode_entry(entry)
        self.next_seq += 1
        return self.next_seq - 1


LISTENER = SimpleNamespace(
    host="127.0.0.1",
    port=5060,
    advertised_host=b"127.0.0.1",
    advertised_port=5060,
    transport="udp",
    name="udp:127.0.0.1:5060",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "policy.yaml").write_text(POLICY)
        (folder / "sipgate.toml").write_text(CONFIG)
        config = load_config(folder / "sipgate.toml", {})
        policy = load_policy(config.gate.policy)
    network = OwnNetwork()
    parts = build(
        config,
        clock=SystemClock(),
        network=network,  # type: ignore[arg-type]
        resolver=SimpleNamespace(lookup=lambda host: host),  # type: ignore[arg-type]
        listeners=[LISTENER],  # type: ignore[list-item]
        ledger=OwnLedger(),  # type: ignore[arg-type]
        policy=policy,
        lists=MemoryLists(),
        targets={
            "trunk": [
                Target(transport="udp", host="127.0.0.1", port=5080, uri_hostport=b"127.0.0.1:5080")
            ]
        },
        key=b"k" * 32,
        limits=sip_limits(config),
    )
    parts.proxy.is_ready = True
    caller, callee = (
        network.flow_to("udp", "127.0.0.1", 5070),
        network.flow_to("udp", "127.0.0.1", 5080),
    )

    def run(first: int, calls: int) -> None:
        for number in range(first, first + calls):
            call(parts.proxy, caller, callee, number)
            if number % 50 == 0:
                parts.proxy.wake()

    run(0, 2000)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    if options.profile:
        profile = cProfile.Profile()
        profile.runcall(run, 10_000, options.calls)
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
        return
    for turn in range(3):
        started = time.process_time()
        run(10_000 + turn * options.calls, options.calls)
        spent = time.process_time() - started
        print(f"{spent / options.calls * 1e6:.1f} µs a call ({options.calls} calls)")


def call(proxy: object, caller: OwnFlow, callee: OwnFlow, number: int) -> None:
    """One answered call from INVITE to the 200 of its BYE."""
    packet = proxy.packet  # type: ignore[attr-defined]
    user = 1000 + number % 500
    head = (
        b'Max-Forwards: 70\r\nFrom: "User" <sip:%d@127.0.0.1:5070>;tag=f%d\r\n'
        b"%bCall-ID: %d-2372@127.0.0.1\r\n"
    )
    to = b"To: <sip:+1305555%04d@127.0.0.1:5060>" % (number % 10000)
    contact = b"Contact: <sip:%d@127.0.0.1:5070>\r\n" % user
    plain = head % (user, number, to + b"\r\n", number)
    uri = b"sip:+1305555%04d@127.0.0.1:5060" % (number % 10000)
    via = b"Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-2372-%d-%d\r\n"
    packet(
        b"INVITE %b SIP/2.0\r\n%b%bCSeq: 1 INVITE\r\n%bUser-Agent: bench/1.0\r\n"
        b"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE\r\nSupported: replaces, timer\r\n"
        b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%b"
        % (uri, via % (number, 0), plain, contact, len(SDP), SDP),
        caller,
    )
    sent = callee.sent
    vias = b"".join(
        line + b"\r\n" for line in sent.split(b"\r\n") if line.startswith((b"Via:", b"Record-R"))
    )
    answer_to = head % (user, number, to + b";tag=t%d\r\n" % number, number)
    answer_to = answer_to.partition(b"\r\n")[2]
    answered = b"Contact: <sip:127.0.0.1:5080;transport=UDP>\r\n"
    for status in (b"180 Ringing", b"200 OK"):
        body = SDP if status[:1] == b"2" else b""
        packet(
            b"SIP/2.0 %b\r\n%b%bCSeq: 1 INVITE\r\n%bContent-Type: application/sdp\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (status, vias, answer_to, answered, len(body), body),
            callee,
        )
    route = next(line for line in sent.split(b"\r\n") if line.startswith(b"Record-Route:"))
    in_dialog = b"Route:%b\r\n%b" % (
        route.partition(b":")[2],
        head % (user, number, to + b";tag=t%d\r\n" % number, number),
    )
    target = b"sip:127.0.0.1:5080;transport=UDP"
    packet(
        b"ACK %b SIP/2.0\r\n%b%bCSeq: 1 ACK\r\n%bContent-Length: 0\r\n\r\n"
        % (target, via % (number, 5), in_dialog, contact),
        caller,
    )
    packet(
        b"BYE %b SIP/2.0\r\n%b%bCSeq: 2 BYE\r\n%bContent-Length: 0\r\n\r\n"
        % (target, via % (number, 7), in_dialog, contact),
        caller,
    )
    sent = callee.sent
    vias = b"".join(line + b"\r\n" for line in sent.split(b"\r\n") if line.startswith(b"Via:"))
    packet(
        b"SIP/2.0 200 OK\r\n%b%bCSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n" % (vias, answer_to),
        callee,
    )


if __name__ == "__main__":
    main()
