"""Plays a scenario: agents at their pace, each on a phone of its own, against a real gate."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack
from random import Random

from sipgate.clock import Clock, SystemClock
from sipgate.net import Flow, Listener, ListenError, ResolveError, Resolver
from sipgate.sip import Request, Response, Timers

from . import session
from .callee import answering_end
from .endpoint import Core, Endpoint, via_line
from .fate import ASK_HEADER, Fate
from .outgoing_call import CallPlan, OutgoingCall
from .plan import CalleePlan
from .scenario import Numbers, Room, Scenario
from .summary import CallResult, Summary, Tally

PROBE_SECONDS = 3.0  # three retransmissions of an OPTIONS: longer waits nobody before a demo
WIND_UP_SECONDS = 5.0  # for the last BYEs and CANCELs
UPDATE_SECONDS = 0.25  # between two looks at the table
RECALLABLE = 10_000  # numbers that a pool remembers having given out
TRIED_AGAIN = frozenset(("busy", "declined", "refused", "failed"))  # ends that a redialler minds
LOST_BYE_SECONDS = 5.0  # how much longer than planned an agent waits for the callee's BYE


class GateUnreachable(Exception):
    """Nothing answers at the gate's address, or it can't even be asked."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"{address}: {reason}")
        self.address = address
        self.reason = reason


OnUpdate = Callable[[Summary], None]


async def run_scenario(
    scenario: Scenario,
    on_update: OnUpdate | None = None,
    *,
    stop: asyncio.Event | None = None,
    clock: Clock | None = None,
) -> Summary:
    """Play it to its end, or until `stop` is set; calls that are still up are ended properly.

    `on_update` is called on the loop, four times a second. Raises GateUnreachable, and the net
    layer's ListenError when the scenario's own callee can't listen.
    """
    async with AsyncExitStack() as around:
        if scenario.callee is not None:
            plan = CalleePlan(scenario.callee.plan)
            await around.enter_async_context(answering_end(scenario.callee.listen, plan))
        play = Play(scenario, clock or SystemClock())
        async with play.endpoint.running():
            await play.open()
            await play.play(stop or asyncio.Event(), on_update or (lambda summary: None))
        return play.summary(is_over=True)


class NumberPool:
    """Gives out numbers in order or at random, and now and then one that it gave out before."""

    def __init__(self, numbers: Numbers, random: Random) -> None:
        self._numbers = numbers
        self._random = random
        self._next = 0
        self._given: deque[str] = deque(maxlen=RECALLABLE)

    def take(self) -> str:
        """The next number to call."""
        numbers = self._numbers
        if self._given and self._random.random() < numbers.recalled:
            return self._random.choice(self._given)
        if numbers.order == "random":
            number = numbers[self._random.randrange(len(numbers))]
        else:
            number = numbers[self._next % len(numbers)]
            self._next += 1
        self._given.append(number)
        return number


class Agent:
    """One line of an agent; a Sleeper that wakes to dial.

    `tally` is shared by all lines of the agent, `line` counts them from 0. `clis` are what the
    line presents in turn; None: its extension.
    """

    def __init__(
        self,
        play: "Play",
        room: Room,
        tally: Tally,
        line: int,
        pool: NumberPool,
        clis: NumberPool | None,
    ) -> None:
        self.room = room
        self.extension = tally.extension
        self.tally = tally
        self.clis = clis
        name = self.extension if line == 0 else f"{self.extension}/{line}"
        self.random = Random(f"{play.scenario.seed}/{name}")
        self.listener: Listener | None = None
        self.flow: Flow | None = None  # kept: over TCP each agent has one connection
        self.call: OutgoingCall | None = None  # the one whose end the agent waits for
        self.deadline: float | None = None
        self.queued_at: float | None = None
        self._play = play
        self._pool = pool
        self._number = ""
        self._redialled = 0
        self._next_start = 0.0

    def begin(self, now: float) -> None:
        """Sit down; the first call comes within one rhythm, so that not all dial at once."""
        self._next_start = now + self.random.uniform(0, self._rhythm_seconds(jitters=False))
        self.deadline = self._next_start

    def wake(self, now: float) -> None:
        """Time to dial."""
        self.deadline = None
        if self._play.may_dial():
            self._next_start = now + self._rhythm_seconds()
            self.tally.dialled()
            if self._redialled == 0:
                self._number = self._pool.take()
            self.call = self._play.dial(self, self._number)

    def ended(self, result: CallResult) -> None:
        """The call is over: on to the next one."""
        self.call = None
        self.tally.ended(result)
        now = self._play.endpoint.clock.now()
        redials = self.room.redials
        if redials is not None and result.end in TRIED_AGAIN and self._redialled < redials.times:
            self._redialled += 1
            self.deadline = now + redials.pause.draw(self.random) / self._play.scenario.pace
            self._play.endpoint.schedule.watch(self)
            return
        self._redialled = 0
        wait = self._rhythm_seconds() if self.room.every is None else 0.0
        self.deadline = max(now + wait, self._next_start)
        self._play.endpoint.schedule.watch(self)

    def cli(self, number: str) -> str | None:
        """What the next call presents to this number; None: the extension."""
        if self.room.neighbour:
            return f"{number[:-4]}{self.random.randrange(10_000):04d}"
        return None if self.clis is None else self.clis.take()

    def _rhythm_seconds(self, *, jitters: bool = True) -> float:
        rhythm = self.room.every if self.room.every is not None else self.room.pause
        assert rhythm is not None
        stray = self.random.uniform(-1, 1) * self.room.jitter if jitters else 0.0
        return rhythm * (1 + stray) / self._play.scenario.pace


class Play(Core):
    """One run of a scenario: its agents, their phones and their calls."""

    def __init__(
        self,
        scenario: Scenario,
        clock: Clock,
        timers: Timers | None = None,
        *,
        endpoint: Endpoint | None = None,
    ) -> None:
        self.scenario = scenario
        self.endpoint = endpoint or Endpoint(clock, timers or Timers())
        self.endpoint.core = self
        self._gate = str(scenario.gate)
        self._host = scenario.gate.host
        self._uri_host = str(scenario.gate).encode()
        self._tallies: list[Tally] = []
        self._agents = tuple(self._seat_agents())
        self._calls_by_branch: dict[bytes, OutgoingCall] = {}
        self._calls_by_id: dict[bytes, OutgoingCall] = {}
        self._dialled = 0
        self._started_at = clock.now()
        self._loss = ""  # why the last lost connection was lost
        self._is_winding_up = False
        self._has_ended = asyncio.Event()  # the last call that may be made is over

    async def open(self) -> None:
        """Open the phones and see whether the gate is there; raises GateUnreachable."""
        network = self.endpoint.network
        try:
            self._host = await Resolver(self.endpoint.clock).resolve(self.scenario.gate.host)
            any_host = "::" if ":" in self._host else "0.0.0.0"
            for agent in self._agents:
                agent.listener = await network.listen(self.scenario.transport, any_host, 0)
        except ResolveError as error:
            raise GateUnreachable(self._gate, str(error)) from error
        except ListenError as error:
            raise GateUnreachable(self._gate, f"no phone can be opened: {error}") from error
        await self._probe()

    async def play(self, stop: asyncio.Event, on_update: OnUpdate) -> None:
        """Let the agents call until the scenario's end, then end what is still up."""
        self.begin()
        total = self.scenario.real_seconds
        while not stop.is_set() and not self.has_ended:
            elapsed = self.endpoint.clock.now() - self._started_at
            if total is not None and elapsed >= total:
                break
            on_update(self.summary())
            await _wait_for(stop, UPDATE_SECONDS if total is None else total - elapsed)
        self.wind_up()
        give_up_at = self.endpoint.clock.now() + WIND_UP_SECONDS
        while self.open_calls and self.endpoint.clock.now() < give_up_at:
            on_update(self.summary())
            await asyncio.sleep(UPDATE_SECONDS)
        on_update(self.summary(is_over=True))

    def seat(self, listen: Callable[[], Listener]) -> None:
        """Give each agent a phone of a simulated network."""
        for agent in self._agents:
            agent.listener = listen()

    def begin(self) -> None:
        """The agents sit down."""
        now = self._started_at = self.endpoint.clock.now()
        for agent in self._agents:
            agent.begin(now)
            self.endpoint.schedule.watch(agent)

    def wind_up(self) -> None:
        """No more calls, and those that are up are ended."""
        self._is_winding_up = True
        for call in tuple(self._calls_by_branch.values()):
            call.wind_up()

    @property
    def has_ended(self) -> bool:
        """Whether the last call that may be made is over."""
        return self._has_ended.is_set()

    @property
    def open_calls(self) -> int:
        """Calls that are not over."""
        return sum(tally.open for tally in self._tallies)

    def summary(self, *, is_over: bool = False) -> Summary:
        """How it stands."""
        return Summary(
            scenario=self.scenario.scenario,
            gate=f"{self.scenario.transport}:{self._gate}",
            pace=self.scenario.pace,
            elapsed_seconds=self.endpoint.clock.now() - self._started_at,
            total_seconds=self.scenario.real_seconds,
            is_over=is_over,
            agents=tuple(self._tallies),
        )

    def may_dial(self) -> bool:
        """Whether one more call is wanted."""
        limit = self.scenario.calls
        return not self._is_winding_up and (limit is None or self._dialled < limit)

    def dial(self, agent: Agent, number: str) -> OutgoingCall:
        """Send an INVITE for this agent."""
        self._dialled += 1
        room, random, pace = agent.room, agent.random, self.scenario.pace
        talk_seconds = room.talk.draw(random) / pace
        agent_ends = random.random() < room.agent_hangs_up
        if room.abandons is not None and random.random() < room.abandons.share:
            talk_seconds, agent_ends = room.abandons.after.draw(random) / pace, True
        own_headers: list[bytes] = []
        if room.called is not None:
            fate = _fate(room, random, pace, None if agent_ends else talk_seconds)
            own_headers.append(ASK_HEADER + b": " + fate.ask())
        if room.campaign is not None:
            own_headers.append(f"{room.campaign_header}: {room.campaign}".encode())
        cli = agent.cli(number)
        if cli is not None:
            asserted = f"P-Asserted-Identity: <sip:{agent.extension}@{self.scenario.gate}>"
            own_headers.append(asserted.encode())
        flow = self._flow(agent)
        branch, call_id = b"z9hG4bK" + self.endpoint.new_token(), self.endpoint.new_token()
        invite = self._invite(agent, number, cli, flow, branch, call_id, own_headers)
        call = OutgoingCall(
            self.endpoint,
            invite,
            branch,
            flow,
            CallPlan(
                patience_seconds=room.ring_patience.draw(random) / pace,
                talk_seconds=talk_seconds + (0.0 if agent_ends else LOST_BYE_SECONDS),
            ),
            own_headers=frozenset(line.split(b":")[0].lower() for line in own_headers),
            on_over=lambda result: self._ended(agent, result),
            on_gone=lambda: self._forget(branch, call_id),
        )
        self._calls_by_branch[branch] = call
        self._calls_by_id[call_id] = call
        return call

    def invite(self, request: Request, flow: Flow, now: float) -> None:
        """Nobody calls an agent, and no call is changed while it is up."""
        self.endpoint.answer(request, flow, 488 if request.to_tag else 480)

    def ack(self, request: Request, now: float) -> None:
        """The ACK to such a refusal."""

    def request(self, request: Request, flow: Flow, now: float) -> None:
        """A request in a call, or somebody who asks what we can."""
        call = self._calls_by_id.get(request.call_id)
        if call is not None and call.request(request, flow):
            return
        self.endpoint.answer(request, flow, 200 if request.method == b"OPTIONS" else 481)

    def invite_response(self, response: Response, now: float) -> bool:
        """A response to one of our INVITEs."""
        call = self._calls_by_branch.get(response.via.branch)
        if call is None:
            return False
        call.receive(response, now)
        return True

    def flow_lost(self, flow: Flow, reason: str) -> None:
        """The gate has closed a connection, or there is none to be had."""
        self._loss = reason
        for call in [call for call in self._calls_by_branch.values() if call.flow is flow]:
            call.fail(reason)

    def _seat_agents(self) -> list[Agent]:
        agents: list[Agent] = []
        for room in self.scenario.rooms:
            pool, clis = self._pool(room, 0), self._clis(room)
            tallies = [
                Tally(
                    room=room.name,
                    name=room.agents.name_of(index),
                    extension=room.agents.extension_of(index),
                )
                for index in range(1, room.agents.count + 1)
            ]
            for seat in range(room.agents.seats):
                line, place = divmod(seat, room.agents.count)
                own = pool if room.numbers.shared else self._pool(room, seat + 1)
                agents.append(Agent(self, room, tallies[place], line, own, clis))
            self._tallies += tallies
        return agents

    def _pool(self, room: Room, index: int) -> NumberPool:
        return NumberPool(room.numbers, Random(f"{self.scenario.seed}/{room.name}/{index}"))

    def _clis(self, room: Room) -> NumberPool | None:
        if room.clis is None:
            return None
        return NumberPool(room.clis, Random(f"{self.scenario.seed}/{room.name}/clis"))

    def _flow(self, agent: Agent) -> Flow:
        assert agent.listener is not None, "open() comes first"
        if agent.flow is None or not agent.flow.is_open:
            agent.flow = self.endpoint.network.flow_to(
                self.scenario.transport,
                self._host,
                self.scenario.gate.port,
                listener=agent.listener,
            )
        return agent.flow

    def _invite(
        self,
        agent: Agent,
        number: str,
        cli: str | None,
        flow: Flow,
        branch: bytes,
        call_id: bytes,
        own_headers: list[bytes],
    ) -> bytes:
        user, tag = agent.extension.encode(), self.endpoint.new_token()
        to = b"sip:%b@%b" % (number.encode(), self._uri_host)
        transport = b"" if flow.transport == "udp" else b";transport=" + flow.transport.encode()
        host = flow.local_sent_by.rpartition(b":")[0]
        body = session.offer(host, b"%d" % (int(tag[:7], 16) + 1))
        lines = [
            b"INVITE %b SIP/2.0" % to,
            b"Via: " + via_line(flow, branch),
            b"Max-Forwards: 70",
            b"From: <sip:%b@%b>;tag=%b" % ((cli or agent.extension).encode(), self._uri_host, tag),
            b"To: <%b>" % to,
            b"Call-ID: " + call_id,
            b"CSeq: 1 INVITE",
            b"Contact: <sip:%b@%b%b>" % (user, flow.local_sent_by, transport),
            b"User-Agent: " + agent.room.user_agent.encode(),
            b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO",
            *own_headers,
            session.CONTENT_TYPE,
            b"Content-Length: %d" % len(body),
        ]
        return b"\r\n".join(lines) + b"\r\n\r\n" + body

    async def _probe(self) -> None:
        """Ask the gate for a sign of life; any response is one."""
        flow = self._flow(self._agents[0])
        branch = b"z9hG4bK" + self.endpoint.new_token()
        uri = b"sip:" + self._uri_host
        lines = [
            b"OPTIONS %b SIP/2.0" % uri,
            b"Via: " + via_line(flow, branch),
            b"Max-Forwards: 70",
            b"From: <sip:probe@%b>;tag=%b" % (self._uri_host, self.endpoint.new_token()),
            b"To: <%b>" % uri,
            b"Call-ID: " + self.endpoint.new_token(),
            b"CSeq: 1 OPTIONS",
            b"User-Agent: sipgate-simulate",
            b"Content-Length: 0",
        ]
        answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.endpoint.ask(
            b"\r\n".join(lines) + b"\r\n\r\n",
            branch,
            b"OPTIONS",
            flow,
            lambda response: None if answered.done() else answered.set_result(bool(response)),
        )
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                is_there = await answered
        except TimeoutError:
            is_there = False
        if not is_there:
            reason = self._loss or f"no answer within {PROBE_SECONDS:g} s"
            raise GateUnreachable(
                f"{self.scenario.transport}:{self._gate}",
                f"{reason}; is the gate running there, and is this machine one of its sources?",
            )

    def _ended(self, agent: Agent, result: CallResult) -> None:
        agent.ended(result)
        if not self.may_dial() and not self.open_calls:
            self._has_ended.set()

    def _forget(self, branch: bytes, call_id: bytes) -> None:
        self._calls_by_branch.pop(branch, None)
        self._calls_by_id.pop(call_id, None)


def _fate(room: Room, random: Random, pace: float, talk_seconds: float | None) -> Fate:
    """Draw what the called line is asked to do."""
    called = room.called
    assert called is not None
    drawn = random.random()
    if drawn < called.answered:
        ring_seconds = called.rings.draw(random) / pace
        return Fate(do="answer", ring_seconds=ring_seconds, talk_seconds=talk_seconds)
    if drawn < called.answered + called.busy:
        return Fate(do="busy", code=486)
    if drawn < called.answered + called.busy + called.declined:
        return Fate(do="refuse", ring_seconds=called.rings.draw(random) / pace)
    if drawn < called.answered + called.busy + called.declined + called.invalid:
        return Fate(do="refuse", code=404)
    return Fate(do="ring")


async def _wait_for(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(min(UPDATE_SECONDS, max(0.0, seconds))):
            await stop.wait()
    except TimeoutError:
        return
