"""A softphone on PJSIP, in a process of its own: registers, calls, hangs up, tells what it saw.

Run as `python phone_pjsip.py PORT EXTENSION TRANSPORT NUMBER…`; prints one JSON object with the
status of the registration and, per number, the last status and reason of the call. In place of a
number `wait` takes a call that comes, `wait-and-hang-up` ends it too; then a line with the status
of the registration comes first. It presents itself as MicroSIP does and plays no sound.
"""

import json
import sys
import time
from collections.abc import Callable

import pjsua2

HOST = "127.0.0.1"
TALK_SECONDS = 0.4
STEP_SECONDS = 10.0
CALL_SECONDS = 40.0  # until the call comes that it waits for
WAIT = "wait"


class Account(pjsua2.Account):  # type: ignore[misc]  # PJSIP has no types
    """Remembers what the registrar said."""

    def __init__(self) -> None:
        super().__init__()
        self.status = 0
        self.incoming: Call | None = None

    def onIncomingCall(self, prm: pjsua2.OnIncomingCallParam) -> None:  # noqa: N802
        self.incoming = Call(self, prm.callId)
        answer = pjsua2.CallOpParam(True)
        answer.statusCode = 200
        self.incoming.answer(answer)

    def onRegState(self, prm: pjsua2.OnRegStateParam) -> None:  # noqa: N802 (PJSIP's name)
        self.status = prm.code


class Call(pjsua2.Call):  # type: ignore[misc]
    """Remembers how it went."""

    def __init__(self, account: Account, call_id: int = pjsua2.PJSUA_INVALID_ID) -> None:
        super().__init__(account, call_id)
        self.is_up = False
        self.is_over = False
        self.status = 0
        self.reason = ""

    def onCallState(self, prm: pjsua2.OnCallStateParam) -> None:  # noqa: N802 (PJSIP's name)
        info = self.getInfo()
        self.is_up = info.state == pjsua2.PJSIP_INV_STATE_CONFIRMED
        if info.state == pjsua2.PJSIP_INV_STATE_DISCONNECTED:
            self.is_over = True
            self.status, self.reason = info.lastStatusCode, info.lastReason


def main() -> int:
    """Register, place each call, hang up after a moment."""
    port, extension, transport, *numbers = sys.argv[1:]
    suffix = ";transport=tcp" if transport == "tcp" else ""
    endpoint = _start_endpoint(transport)
    account = Account()
    is_called = any(number.startswith(WAIT) for number in numbers)
    account.create(_account_config(extension, port, suffix, keeps_contact=is_called))
    _wait(endpoint, lambda: account.status != 0)
    target = f"@{HOST}:{port}{suffix}"
    if is_called:
        print(json.dumps({"registered": account.status}), flush=True)
    calls = [
        _take_call(endpoint, account, hangs_up=number != WAIT)
        if number.startswith(WAIT)
        else _place_call(endpoint, account, f"sip:{number}{target}")
        for number in numbers
    ]
    registered = account.status
    account.shutdown()
    endpoint.libDestroy()
    print(json.dumps({"registered": registered, "calls": calls}))
    return 0


def _place_call(endpoint: pjsua2.Endpoint, account: Account, uri: str) -> dict[str, object]:
    call = Call(account)
    call.makeCall(uri, pjsua2.CallOpParam(True))
    _wait(endpoint, lambda: call.is_up or call.is_over)
    was_up = call.is_up
    if was_up:
        _pass(endpoint, TALK_SECONDS)
        call.hangup(pjsua2.CallOpParam())
        _wait(endpoint, lambda: call.is_over)
    return {"answered": was_up, "status": call.status, "reason": call.reason}


def _take_call(endpoint: pjsua2.Endpoint, account: Account, *, hangs_up: bool) -> dict[str, object]:
    account.incoming = None
    _wait(endpoint, lambda: account.incoming is not None and account.incoming.is_up, CALL_SECONDS)
    call = account.incoming
    assert call is not None
    if hangs_up:
        _pass(endpoint, TALK_SECONDS)
        call.hangup(pjsua2.CallOpParam())
    _wait(endpoint, lambda: call.is_over)
    account.incoming = None  # PJSIP wants it gone before itself
    return {"answered": True, "status": call.status, "reason": call.reason}


def _start_endpoint(transport: str) -> pjsua2.Endpoint:
    endpoint = pjsua2.Endpoint()
    endpoint.libCreate()
    config = pjsua2.EpConfig()
    config.uaConfig.userAgent = "MicroSIP/3.21.3"
    config.uaConfig.threadCnt = 0  # this thread does all: Python callbacks stay where they are
    config.uaConfig.mainThreadOnly = True
    config.logConfig.level = 0
    config.logConfig.consoleLevel = 0
    endpoint.libInit(config)
    local = pjsua2.TransportConfig()
    local.port = 0
    local.boundAddress = HOST
    kind = pjsua2.PJSIP_TRANSPORT_TCP if transport == "tcp" else pjsua2.PJSIP_TRANSPORT_UDP
    endpoint.transportCreate(kind, local)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    return endpoint


def _account_config(
    extension: str, port: str, suffix: str, *, keeps_contact: bool
) -> pjsua2.AccountConfig:
    config = pjsua2.AccountConfig()
    config.idUri = f'"Agent {extension}" <sip:{extension}@{HOST}:{port}>'
    config.regConfig.registrarUri = f"sip:{HOST}:{port}{suffix}"
    config.regConfig.timeoutSec = 300
    if keeps_contact:  # a phone that doesn't look for the NAT that it is behind
        config.idUri = f"sip:{extension}@{HOST}:{port}"  # SIPp can't call who has a name
        config.natConfig.contactRewriteUse = 0
        config.natConfig.viaRewriteUse = 0
    config.mediaConfig.transportConfig.boundAddress = HOST
    config.sipConfig.authCreds.append(pjsua2.AuthCredInfo("digest", "*", extension, 0, "secret"))
    return config


def _wait(
    endpoint: pjsua2.Endpoint, is_done: Callable[[], bool], seconds: float = STEP_SECONDS
) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        if time.monotonic() > deadline:
            raise TimeoutError("PJSIP waits in vain")
        endpoint.libHandleEvents(20)


def _pass(endpoint: pjsua2.Endpoint, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        endpoint.libHandleEvents(20)


if __name__ == "__main__":
    sys.exit(main())
