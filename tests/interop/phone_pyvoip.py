"""A softphone on pyVoIP, in a process of its own: registers, calls, hangs up, tells what it saw.

Run as `python phone_pyvoip.py PORT EXTENSION NUMBER…`; prints one JSON object with whether it
registered and, per number, the state that the call reached before this phone ended it. pyVoIP
ignores any refusal but 404 and 503: such a call stays in DIALING.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Callable

from pyVoIP.VoIP import CallState, PhoneStatus, VoIPPhone

HOST = "127.0.0.1"
ANSWER_SECONDS = 3.0
TALK_SECONDS = 0.5


def main() -> int:
    """Register, place each call, hang up after a moment."""
    port, extension, *numbers = sys.argv[1:]
    phone = VoIPPhone(
        HOST,
        int(port),
        extension,
        "secret",
        myIP=HOST,
        sipPort=_free_port(),
        rtpPortLow=20000,
        rtpPortHigh=30000,
    )
    phone.start()
    _wait(lambda: phone.get_status() == PhoneStatus.REGISTERED, 5.0)
    registered = phone.get_status() == PhoneStatus.REGISTERED
    states = [_place_call(phone, number) for number in numbers]
    time.sleep(0.5)
    print(json.dumps({"registered": registered, "states": states}), flush=True)
    os._exit(0)  # its threads wait for packets and have no end of their own


def _place_call(phone: VoIPPhone, number: str) -> str:
    call = phone.call(number)
    _wait(lambda: call.state == CallState.ANSWERED, ANSWER_SECONDS)
    reached = str(call.state.value)
    if call.state == CallState.ANSWERED:
        time.sleep(TALK_SECONDS)
        call.hangup()
    return reached


def _wait(is_done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_done() and time.monotonic() < deadline:
        time.sleep(0.02)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
