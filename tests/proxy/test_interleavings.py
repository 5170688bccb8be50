"""Any order of messages, losses and time: nothing raises, nothing is left, the promises hold."""

from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sipgate.sip import Request, Response, parse_message

from .house import GATE, House

RULES = (
    "[{id: lines, concurrent: {per: caller, limit: 2}, then: {reject: 486}},"
    " {id: pace, rate: {per: [caller, callee], limit: 3, window: 1h}, then: {reject: 603}}]"
)
USERS = ("+13055550001", "+13055550002", "911")
FORGOTTEN_SECONDS = 31.9  # 64 × T1, and timers may be a little early
STATUSES = (100, 180, 183, 200, 202, 302, 401, 407, 480, 486, 487, 503, 603)
Step: TypeAlias = tuple[str, int, int, int]

steps = st.tuples(
    st.sampled_from(
        (
            "call",
            "call",
            "call",
            "cancel",
            "ack",
            "answer",
            "answer",
            "answer",
            "answer cancel",
            "answer bye",
            "dialog",
            "back",
            "other",
            "write",
            "write",
            "wait",
            "fail",
            "full",
            "lose",
            "repeat",
            "echo",
        )
    ),
    st.integers(0, 11),
    st.integers(0, 2),
    st.integers(0, 2),
)


class Player:
    """Plays steps on a house; what makes no sense at the moment is sent all the same."""

    def __init__(self, transport: str, phone_transport: str, trunks: int) -> None:
        self.house = House(
            RULES,
            gate='max-call = "2m"',
            transport=transport,
            phone_transport=phone_transport,
            trunks=trunks,
            upstream='large-requests = "tcp"' if trunks > 2 else "",
        )
        self.sent: list[bytes] = []
        self._seen = 0
        self._finals: dict[tuple[bytes, int], tuple[float, set[tuple[int, bytes]]]] = {}

    def play(self, step: Step) -> None:
        kind, one, two, three = step
        house, phone = self.house, self.house.phone
        trunk = house.trunks[(one + two + three) % len(house.trunks)]
        uri = f"sip:{USERS[three]}@{GATE}"
        where: dict[str, Any] = {"call_id": f"c{two}", "from_tag": f"f{two}"}
        requests = [m for m in map(parse_message, trunk.got) if isinstance(m, Request)]
        responses = [m for m in map(parse_message, phone.got) if isinstance(m, Response)]
        match kind:
            case "call":
                branch = f"b{two}{one % 4}"
                tag = "t0" if one == 11 else ""
                where["body"] = "x" * 1200 * (one % 2)
                self.sent.append(
                    phone.calls(USERS[three], cseq=1 + one % 3, branch=branch, to_tag=tag, **where)
                )
            case "cancel":
                branch = f"b{two}{one % 4}"
                phone.asks("CANCEL", uri, cseq=1 + one % 3, branch=branch, **where)
            case "ack" if responses:
                last = responses[-1 - one % len(responses)]
                branch = last.via.branch.removeprefix(b"z9hG4bK").decode()
                phone.asks(
                    "ACK",
                    uri,
                    to_tag=last.to_tag.decode(),
                    from_tag=last.from_tag.decode(),
                    call_id=last.call_id.decode(),
                    cseq=last.cseq_number,
                    branch=branch,
                )
            case "answer" if requests:
                asked = requests[-1 - three % len(requests)]
                status = STATUSES[one]
                if asked.method != b"ACK":
                    trunk.answers(status, to=asked, tag=f"t{two}")
            case "answer cancel" | "answer bye":
                method = kind.split(" ")[1].upper()
                found = [m for m in requests if m.method == method.encode()]
                if found:
                    trunk.answers(STATUSES[3 + one % 6], to=found[-1])
            case "dialog" if any(m.cseq_method == b"INVITE" and m.status == 200 for m in responses):
                method = ("BYE", "ACK", "INVITE", "UPDATE")[one % 4]
                self.sent.append(phone.in_dialog(method, cseq=5 + two, branch=f"d{one}{two}"))
            case "back" if any(m.method == b"INVITE" for m in requests):
                method = ("BYE", "INVITE", "ACK", "INFO")[one % 4]
                trunk.back(method, branch=f"u{one}{two}", tag=f"t{two}")
            case "other":
                method = ("MESSAGE", "REGISTER", "OPTIONS", "BYE")[one % 4]
                self.sent.append(phone.asks(method, uri, branch=f"o{one}{two}", **where))
            case "write":
                house.writes()
            case "wait":
                house.waits((0.3, 1.1, 4.0, 33.0)[one % 4])
            case "fail":
                house.ledger.failing_since = None if one % 2 else house.clock.now() - three
            case "full":
                house.ledger.is_full = one % 3 == 0
            case "lose":
                end = (phone, trunk)[one % 2]
                house.parts.proxy.flow_lost(end.wire, "reset")
            case "repeat" if self.sent:
                phone.sends(self.sent[one % len(self.sent)])
            case "echo" if trunk.got:
                trunk.sends(trunk.got[one % len(trunk.got)])
            case _:
                pass
        house.heard()
        self.check_sent()

    def check_sent(self) -> None:
        """No INVITE of a decided call has left without its entry on disk; finals stand."""
        log = self.house.air.log
        for wire, raw, at in log[self._seen :]:
            message = parse_message(raw)
            if isinstance(message, Request):
                self._check_evidence(message)
            elif message.cseq_method == b"INVITE" and message.status >= 200 and not wire.reliable:
                self._check_final(message, at)
        self._seen = len(log)

    def _check_evidence(self, request: Request) -> None:
        verdict = request.first(b"x-sipgate-verdict")
        if verdict is not None:
            seq = int(verdict.rpartition(b"-")[2].strip(b'"'))
            assert seq <= self.house.ledger.durable_seq

    def _check_final(self, response: Response, at: float) -> None:
        """Every INVITE ends in one non-2xx, or in one 2xx or more.

        Over TCP an INVITE on the same branch is a new one, and so it is once its transaction is
        forgotten.
        """
        key = (response.via.branch, response.cseq_number)
        first_at, seen = self._finals.get(key, (at, set()))
        if at - first_at > FORGOTTEN_SECONDS:
            first_at, seen = at, set()
        seen.add((response.status // 100 * 100, response.to_tag))
        self._finals[key] = (first_at, seen)
        assert len(seen) == 1 or {status for status, _ in seen} == {200}, seen

    def check_outcomes(self) -> None:
        """Every call that was let through has one outcome."""
        admitted = [d.seq for d in self.house.decisions if d.verdict != "reject"]
        assert sorted(outcome.decision for outcome in self.house.outcomes) == admitted

    def end(self) -> None:
        self.house.ledger.is_full = False
        self.house.writes()
        self.house.waits(300)
        self.house.writes()
        self.house.heard()


@pytest.mark.parametrize(
    "around",
    [
        ("udp", "udp", 1),
        ("tcp", "udp", 1),
        ("udp", "tcp", 1),
        ("tcp", "tcp", 1),
        ("udp", "udp", 2),
        ("tcp", "udp", 3),
        ("udp", "udp", 3),
    ],
    ids=["udp", "tcp upstream", "tcp caller", "tcp", "two targets", "three by tcp", "three"],
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, max_size=40))
@example([("call", 0, 0, 0), ("write", 0, 0, 0), ("answer", 3, 0, 0), ("dialog", 0, 0, 0)])
@example(
    [
        ("call", 0, 0, 0),
        ("write", 0, 0, 0),
        ("wait", 2, 0, 0),
        ("wait", 1, 0, 0),
        ("answer", 1, 0, 0),
        ("answer", 3, 1, 0),
        ("answer", 3, 0, 0),
    ]
)
def test_whatever_happens_nothing_raises_and_nothing_is_left(
    around: tuple[str, str, int], played: list[Step]
) -> None:
    player = Player(*around)
    for step in played:
        player.play(step)
    player.end()
    assert player.house.leftovers() == {}
    player.check_outcomes()
