"""What other processes may ask of a running gate, over the store's socket (design §11)."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from sipgate.clock import Clock
from sipgate.config import Config
from sipgate.consent import ConsentStore, MemoryConsents
from sipgate.consent_change import (
    ConsentOrder,
    RevocationOrder,
    import_consents,
    revoke_consent,
)
from sipgate.counters import microseconds
from sipgate.gate import (
    RESET,
    Draft,
    DraftHistory,
    EntryAge,
    MemoryLists,
    Policy,
    PolicyError,
    judged,
    judges_callers,
    load_policy,
    overrule_caller,
    rebuild_horizon,
)
from sipgate.ledger import Ledger, LedgerError
from sipgate.list_import import ListOrder, import_list
from sipgate.net import CertificateError, Counts, Network, NewCertificates
from sipgate.numbers import NumberList
from sipgate.proxy import Call, CallState
from sipgate.store import Handler, NumberListStore, RequestError, StoreError
from sipgate.store_change import ChangeRefused

from .build import Parts
from .history import moment_of, read_history
from .second_look import find_decision, second_look

SOON = 0.005  # seconds
NETWORK_COUNTS = (
    "failed",
    "failed_handshakes",
    "keep_alives",
    "refused_connections",
    "shed",
    "udp_errors",
    "unsent",
)

log = structlog.get_logger()


class OwnerCommands:
    """The handlers of the store's owner."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._parts: Parts | None = None
        self._ledger: Ledger | None = None
        self._network: Network | None = None
        self._lists = MemoryLists()
        self._list_store: NumberListStore | None = None
        self._consents = MemoryConsents()
        self._consent_store: ConsentStore | None = None
        self._changing = asyncio.Lock()  # one import, revocation or reload at a time
        self._reload_asked = asyncio.Event()
        self.handlers: Mapping[str, Handler] = {
            "reload": self._reload,
            "list-import": self._import_list,
            "consent-import": self._import_consents,
            "consent-revoke": self._revoke_consent,
            "calls-active": self._active_calls,
            "calls-end": self._end_call,
            "caller-show": self._show_caller,
            "caller-exempt": self._exempt_caller,
            "caller-suspend": self._suspend_caller,
            "caller-reset": self._reset_caller,
            "decision-explain": self._explain_decision,
            "status": self._status,
        }

    def connect(
        self,
        parts: Parts,
        ledger: Ledger,
        lists: MemoryLists,
        list_store: NumberListStore,
        consents: MemoryConsents,
        consent_store: ConsentStore,
        network: Network,
    ) -> None:
        """From now on there is a gate to ask."""
        self._parts = parts
        self._network = network
        self._ledger = ledger
        self._lists = lists
        self._list_store = list_store
        self._consents = consents
        self._consent_store = consent_store

    def ask_reload(self) -> None:
        """SIGHUP: read policy and lists again, soon."""
        self._reload_asked.set()

    async def reload_when_asked(self) -> None:
        """Work until cancelled; a bad policy leaves the old one."""
        while True:
            await self._reload_asked.wait()
            while not self._is_ready:  # noqa: ASYNC110  what a start reads, a reload would mix up
                await asyncio.sleep(SOON)
            self._reload_asked.clear()
            try:
                await self._reload({"by": "SIGHUP"})
            except RequestError as error:
                for line in str(error).splitlines():
                    log.error("reload_refused", problem=line)
            except (LedgerError, StoreError, SQLAlchemyError, OSError) as error:
                log.error("reload_refused", problem=str(error))

    async def _reload(self, request: dict[str, Any]) -> dict[str, Any]:
        """Policy, lists and certificates, all or nothing: all is read before any is changed."""
        parts, _ = self._ready_gate()
        network = self._network
        assert network is not None
        async with self._changing:
            try:
                policy = await asyncio.to_thread(self._read_policy)
            except PolicyError as error:
                raise RequestError(str(error)) from error
            except OSError as error:
                raise RequestError(f"{self._config.gate.policy}: {error.strerror}") from error
            self._check_region(parts.engine.policy, policy)
            certificates = self._read_certificates(network)
            assert self._list_store is not None
            loaded = [
                (version, await self._load_list(version.name))
                for version in await self._list_store.all()
            ]
            await self._adopt(parts, policy)  # the last that may fail
            for version, entries in loaded:
                self._lists.replace(version.name, entries, version.as_of)
            network.use_certificates(certificates)
            detail = policy.cited
            parts.recorder.act("policy-loaded", str(request.get("by", "cli")), detail)
            log.info("policy_loaded", **detail)
            return detail

    def _check_region(self, old: Policy, new: Policy) -> None:
        """Emergency numbers and dial plans are those of the start: another region needs others."""
        if new.region != old.region:
            raise RequestError(
                f"{self._config.gate.policy}: region {new.region or 'missing'} in the place of "
                f"{old.region or 'none'}; expected a restart, for emergency numbers and dial plans"
            )

    def _read_certificates(self, network: Network) -> NewCertificates:
        """Those of the listeners and upstreams, for new connections."""
        try:
            return network.read_certificates()
        except CertificateError as error:
            raise RequestError(str(error)) from error

    async def _load_list(self, name: str) -> NumberList:
        assert self._list_store is not None
        entries = await self._list_store.load(name)
        return await asyncio.to_thread(NumberList, entries)  # a long list takes a while

    def _read_policy(self) -> Policy:
        return load_policy(self._config.gate.policy, timezone=self._config.gate.timezone)

    async def _adopt(self, parts: Parts, policy: Policy) -> None:
        """Swap the policy; counters that the old one lacked are read from the ledger first."""
        engine = parts.engine
        # What happened before the draft it learns from the ledger alone.
        while parts.recorder.is_behind:  # noqa: ASYNC110
            await asyncio.sleep(SOON)
        draft = engine.draft(policy, monitor=self._config.gate.mode == "monitor")
        adopted = False
        try:
            if draft.needs_history:
                await self._read_history(draft, policy)
            engine.adopt(draft)
            adopted = True
        finally:
            if not adopted:
                engine.drop(draft)

    async def _read_history(self, draft: Draft, policy: Policy) -> None:
        _, ledger = self._gate()
        last_seq = ledger.next_seq - 1
        now = moment_of(self._clock)
        age = EntryAge(now.boot, now.boot_us, now.time_us)
        # What was decided before the draft must be readable; a matter of milliseconds.
        while ledger.durable_seq < last_seq:  # noqa: ASYNC110
            await asyncio.sleep(SOON)
        await asyncio.to_thread(
            read_history,
            self._config.gate.store_path,
            now,
            rebuild_horizon(policy, self._config.gate.max_call),
            last_seq,
            DraftHistory(draft, age),
        )

    async def _import_list(self, request: dict[str, Any]) -> dict[str, Any]:
        _, ledger = self._gate()
        assert self._list_store is not None
        async with self._changing:
            try:
                order = ListOrder.of_request(request)
                imported = await import_list(self._list_store, ledger, self._clock, order)
            except ChangeRefused as error:
                raise RequestError(str(error)) from error
            except OSError as error:
                raise RequestError(f"{error.filename}: {error.strerror}") from error
            current = await self._list_store.current(imported.name)
            assert current is not None
            entries = await self._load_list(imported.name)
            self._lists.replace(imported.name, entries, current.as_of)
            answer = imported.as_answer()
            log.info("list_imported", **answer)
            return answer

    async def _import_consents(self, request: dict[str, Any]) -> dict[str, Any]:
        _, ledger = self._ready_gate()
        assert self._consent_store is not None
        async with self._changing:
            try:
                order = ConsentOrder.of_request(request)
                imported = await import_consents(
                    self._consent_store, self._consents, ledger, self._clock, order
                )
            except ChangeRefused as error:
                raise RequestError(str(error)) from error
            except OSError as error:
                raise RequestError(f"{error.filename}: {error.strerror}") from error
            log.info(
                "consents_imported",
                file=str(order.file),
                added=imported.added,
                known=imported.known,
                rejected=imported.rejected,
            )
            return imported.as_answer()

    async def _revoke_consent(self, request: dict[str, Any]) -> dict[str, Any]:
        _, ledger = self._ready_gate()
        assert self._consent_store is not None
        async with self._changing:
            try:
                order = RevocationOrder.of_request(request)
                revoked = await revoke_consent(
                    self._consent_store, self._consents, ledger, self._clock, order
                )
            except ChangeRefused as error:
                raise RequestError(str(error)) from error
            log.info("consent_revoked", purpose=revoked.purpose, ended=revoked.ended)
            return revoked.as_answer()

    async def _active_calls(self, request: dict[str, Any]) -> dict[str, Any]:
        parts, _ = self._gate()
        now = self._clock.now()
        return {
            "calls": [
                self._described(call, now)
                for call in parts.calls
                if call.state is not CallState.ENDED
            ]
        }

    async def _end_call(self, request: dict[str, Any]) -> dict[str, Any]:
        """Free a call's count; its dialog goes on if it is still there (design §6)."""
        parts, _ = self._gate()
        wanted = str(request.get("decision", ""))
        gate, _, seq = wanted.rpartition("-")
        call = None
        if gate == self._config.gate.name and seq.isdigit():
            call = parts.calls.find_seq(int(seq))
        if call is None or call.state is CallState.ENDED:
            raise RequestError(f"{wanted}: no call that is going on has this decision")
        now = self._clock.now()
        was_up = call.state is CallState.UP
        outcome = call.outcome(
            "answered" if was_up else "failed",
            200 if was_up else 0,
            now,
            ended_by="gate",
            reason="ended by an operator",
        )
        parts.recorder.ended(call, outcome, now, keep=True)
        parts.recorder.act("call-ended", str(request.get("by", "cli")), {"decision": wanted})
        return {"decision": wanted}

    async def _explain_decision(self, request: dict[str, Any]) -> dict[str, Any]:
        """What it would be now; nothing is counted."""
        parts, _ = self._ready_gate()
        wanted = str(request.get("decision", ""))
        try:
            entry = await asyncio.to_thread(find_decision, self._config, wanted)
        except LedgerError as error:
            raise RequestError(str(error)) from error
        if entry is None:
            raise RequestError(f"{wanted}: the ledger has no such decision")
        return second_look(self._config, parts.engine, entry, self._clock)

    async def _show_caller(self, request: dict[str, Any]) -> dict[str, Any]:
        """How a caller stands with the rules that judge callers."""
        parts, caller = self._judging_gate(), str(request.get("caller", ""))
        rows = judged(parts.engine, caller, self._clock.now(), self._clock.time())
        return {"caller": caller, "rules": rows}

    async def _exempt_caller(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._overrule("caller-exempted", request)

    async def _suspend_caller(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._overrule("caller-suspended", request)

    def _overrule(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        """Let a caller stand at 100 or 0 for a time, however he stands by himself."""
        parts = self._judging_gate()
        seconds = float(request.get("seconds", 0))
        longest = rebuild_horizon(parts.engine.policy, self._config.gate.max_call)
        if not 0 < seconds <= longest:  # what is older no start would find again
            raise RequestError(f"at most {int(longest)} s: so far a start reads the record back")
        until = self._clock.time() + seconds
        self._do(parts, kind, request, {"until_us": microseconds(until)})
        return {"caller": str(request.get("caller", "")), "until": until}

    async def _reset_caller(self, request: dict[str, Any]) -> dict[str, Any]:
        """Forget a caller's faults and signs."""
        self._do(self._judging_gate(), RESET, request, {})
        return {"caller": str(request.get("caller", ""))}

    def _judging_gate(self) -> Parts:
        parts, _ = self._ready_gate()
        if not judges_callers(parts.engine.policy):
            raise RequestError("no rule of the policy judges callers: trust or dialer, per: caller")
        return parts

    def _do(self, parts: Parts, kind: str, request: dict[str, Any], more: dict[str, int]) -> None:
        """Write the act; then do what a start would do that reads it."""
        caller, reason = str(request.get("caller", "")), str(request.get("reason", ""))
        by = str(request.get("by", "cli"))
        detail: dict[str, int | str | bool | None] = {"caller": caller, "reason": reason, **more}
        parts.recorder.act(kind, by, detail)
        overrule_caller(parts.engine, kind, detail)
        log.info("caller_overruled", act=kind, caller=caller, reason=reason, by=by)

    async def _status(self, request: dict[str, Any]) -> dict[str, Any]:
        parts, ledger = self._gate()
        counts = Counts() if self._network is None else self._network.counts
        return {
            "counts": dict(parts.counts),
            "network": {name: getattr(counts, name) for name in NETWORK_COUNTS},
            "calls": len(parts.calls),
            "phones": len(parts.bindings),
            "transactions": parts.table.contexts,
            "durable_seq": ledger.durable_seq,
            "ready": parts.proxy.is_ready,
            "draining": parts.proxy.is_draining,
            "overloaded": parts.overload.is_overloaded,
            "targets": [
                {
                    "upstream": upstream.name,
                    "target": target.key.decode(),
                    "alive": upstream.is_alive(target, self._clock.now()),
                }
                for upstream in parts.upstreams.values()
                for target in upstream.targets
            ],
        }

    def _described(self, call: Call, now: float) -> dict[str, Any]:
        attempt = call.attempt
        return {
            "decision": f"{self._config.gate.name}-{call.seq}",
            "state": call.state.name.lower(),
            "source": attempt.source,
            "caller": attempt.caller,
            "cli": attempt.cli,
            "callee": attempt.callee,
            "call_id": attempt.call_id,
            "campaign": attempt.campaign,
            "verdict": call.decision.verdict,
            "emergency": call.emergency,
            "seconds": round(now - call.started_at, 1),
            "talk_seconds": None if call.answered_at is None else round(now - call.answered_at, 1),
        }

    def _gate(self) -> tuple[Parts, Ledger]:
        if self._parts is None or self._ledger is None:
            raise RequestError("the gate is still starting; ask again in a moment")
        return self._parts, self._ledger

    def _ready_gate(self) -> tuple[Parts, Ledger]:
        """For what goes by state that is still being read at start, or changes it."""
        parts, ledger = self._gate()
        if not self._is_ready:
            raise RequestError("the gate is still starting; ask again in a moment")
        return parts, ledger

    @property
    def _is_ready(self) -> bool:
        return self._parts is not None and self._parts.proxy.is_ready
