"""`python -m bench.strangers`: CPU time that a gate spends on a packet of a scanner.

A whole gate on one core is sent what SIPVicious sends, from addresses that are no source's, first
from one of them and then each packet from another of 250. The figure is user and system time of the
process over the packets that it says it got, the kernel's part of receiving included. `sipgate
strangers` must have counted every one.
"""

import argparse
import json
import os
import socket
import sys
import time
from pathlib import Path

from .comparison import LOAD_CORE, PROXY_CORE
from .endpoints import HOST, free_port
from .gate import gate, sipgate
from .process_cost import cpu_seconds

BUDGET_US = 20.0
BURST = 20  # packets between two pauses, so that the gate's buffer never fills
REQUEST = (
    b"OPTIONS sip:100@127.0.0.1 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 127.0.1.1:5060;branch=z9hG4bK-%d;rport\r\n"
    b"Content-Length: 0\r\n"
    b'From: "sipvicious"<sip:100@1.1.1.1>;tag=6434396633%d\r\n'
    b"Accept: application/sdp\r\n"
    b"User-Agent: friendly-scanner\r\n"
    b'To: "sipvicious"<sip:100@1.1.1.1>\r\n'
    b"Contact: sip:100@127.0.1.1:5060\r\n"
    b"CSeq: 1 OPTIONS\r\n"
    b"Call-ID: 845752980453913316694142%d\r\n"
    b"Max-Forwards: 70\r\n\r\n"
)


def main() -> int:
    """Measure, print; 0 within the budget and with every packet counted, else 1."""
    parser = argparse.ArgumentParser(prog="python -m bench.strangers", description=__doc__)
    parser.add_argument("--packets", type=int, default=30_000)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"), help="for all files")
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    is_fine = True
    for name, addresses in (("one address", 1), ("250 addresses", 250)):
        port = free_port()
        with gate(folder, port, free_port(), core=PROXY_CORE) as pid:
            configuration = folder / "sipgate.toml"
            _send(port, addresses, 2000)  # warm
            time.sleep(1.0)
            before, seen = cpu_seconds(pid), _seen(configuration)
            _send(port, addresses, options.packets)
            time.sleep(1.0)
            spent, handled = cpu_seconds(pid) - before, _seen(configuration) - seen
            time.sleep(10.5)  # rows are written every 10 s
            rows = json.loads("[" + ",".join(_listed(configuration)) + "]")
        cost = spent / max(1, handled) * 1e6
        listed = sum(row["packets"] for row in rows)
        print(
            f"{name}: {cost:.1f} µs a packet (at most {BUDGET_US:.0f}); "
            f"{handled} of {options.packets} received, {listed} listed in {len(rows)} rows"
        )
        is_fine &= cost <= BUDGET_US and listed == handled + seen
    return 0 if is_fine else 1


def _send(port: int, addresses: int, packets: int) -> None:
    sockets = []
    for number in range(addresses):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((f"127.0.1.{number + 1}", 0))
        sockets.append(sock)
    for number in range(packets):
        sockets[number % addresses].sendto(REQUEST % (number, number, number), (HOST, port))
        if number % BURST == 0:
            time.sleep(0.001)
    for sock in sockets:
        sock.close()


def _seen(configuration: Path) -> int:
    """Packets of strangers so far, looked at or not."""
    counts = json.loads(sipgate(configuration, "status", "--json"))["counts"]
    return int(counts.get("strangers", 0)) + int(counts.get("packets_limited", 0))


def _listed(configuration: Path) -> list[str]:
    return sipgate(configuration, "strangers", "--limit", "1000", "--json").splitlines()


if __name__ == "__main__":
    os.sched_setaffinity(0, {LOAD_CORE})
    sys.exit(main())
