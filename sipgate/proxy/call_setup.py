"""A new call: asked about, decided, recorded, and only then sent on or refused (design §5).

INVITEs within dialogs come here too, because whether one of them is a new call is to be seen first.
"""

from __future__ import annotations

from collections import Counter

from sipgate.gate import Attempt, is_emergency
from sipgate.ledger import EndedBy, Ledger, LedgerFullError, OutcomeKind
from sipgate.numbers import Callee
from sipgate.sip import Uri, dialled

from .admission import STORE_PATIENCE, Admission, Parked
from .authentication import Authenticator
from .branch import is_emergency_token
from .call import ActiveCalls, Call
from .call_recorder import CallRecorder
from .dialog_sender import DialogSender
from .forbidden import forbidden_reason
from .forwarder import Forwarder
from .identity import must_be_proven
from .loop import LoopDetector
from .next_hop import NO_ROUTE, RouteSet, UnsupportedHop
from .outcome import CALLER, CANCELLED, FAILED, GATE
from .phone_sender import PhoneSender, ToPhone
from .referral import Referral, read_referral, transferred_call
from .refusal import RedressCard, refusal
from .response_context import ResponseContext
from .restored import RestoredInvites
from .source import Source
from .upstream_sender import UpstreamSender
from .wire_text import text_of


class CallSetup:
    """Takes what may set up a call, and takes it back from `Admission` once it is durable."""

    def __init__(
        self,
        *,
        gate: str,
        forwarder: Forwarder,
        authenticator: Authenticator,
        admission: Admission,
        recorder: CallRecorder,
        calls: ActiveCalls,
        loops: LoopDetector,
        upstream_sender: UpstreamSender,
        dialogs: DialogSender,
        phones: PhoneSender,
        restored: RestoredInvites,
        ledger: Ledger,
        counts: Counter[str],
        pass_on_store_failure: bool = False,
        monitor: bool = False,
        card: RedressCard | None = None,
    ) -> None:
        self._gate = gate
        self._card = card
        self._forwarder = forwarder
        self._authenticator = authenticator
        self._admission = admission
        self._recorder = recorder
        self._calls = calls
        self._loops = loops
        self._upstream_sender = upstream_sender
        self._dialogs = dialogs
        self._phones = phones
        self._restored = restored
        self._ledger = ledger
        self._pass_on_store_failure = pass_on_store_failure
        self._monitor = monitor
        self.counts = counts
        self.is_ready = False  # False while counters and calls are rebuilt: design §15
        self.is_draining = False

    def invite(
        self,
        context: ResponseContext,
        uri: Uri,
        routes: RouteSet,
        call: Call | None,
        opened: bool,
        now: float,
    ) -> None:
        request, source = context.request, context.source
        if request.to_tag:
            if call is not None and not self._is_another_call(context, uri, call):
                self._dialogs.send_reinvite(context, uri, routes, call, now)
            elif call is not None:
                self._another_call(context, uri, routes, call, now)
            elif opened and (is_emergency_token(routes.token) or not self.is_ready):
                if self._leaves_elsewhere(context, uri, routes):
                    self._new_call(context, uri, routes, now)
                    return
                self._forwarder.trying(context, now)
                self._dialogs.send(context, uri, routes, None, now)
            elif self._monitor and source is not None:
                self._forwarder.trying(context, now)
                self._upstream_sender.send_other(context, uri, routes, now)
            elif not self.is_ready:
                self._unavailable(context, now)
            else:
                self.counts["dialogs_unknown"] += 1
                self._forwarder.respond(context, 481, now)
            return
        self._new_call(context, uri, routes, now)

    def _is_another_call(self, context: ResponseContext, uri: Uri, call: Call) -> bool:
        """Whether an INVITE in a dialog names a number that the dialog is not with (design §5)."""
        source = context.source
        return (
            source is not None
            and source.decide
            and not self._dialogs.leads_to_party(context.request, uri, call)
            and self._callee(uri, source).kind != "unreadable"
        )

    def _leaves_elsewhere(self, context: ResponseContext, uri: Uri, routes: RouteSet) -> bool:
        """Whether a token alone would carry an INVITE to a number that no upstream of ours has.

        A token names no callee: who has had one from an emergency call could ring anybody with it.
        """
        source = context.source
        if source is None or not source.decide:
            return False
        if self._callee(uri, source).kind not in ("number", "short"):
            return False
        if routes.rest:
            return not self._upstream_sender.allows_routes(source, routes)
        return not self._upstream_sender.is_upstream(
            uri.host.decode("ascii", "replace").strip("[]")
        )

    def _another_call(
        self, context: ResponseContext, uri: Uri, routes: RouteSet, call: Call, now: float
    ) -> None:
        """It is decided like any call, and goes where new calls go."""
        self.counts["dialogs_misused"] += 1
        if self._dialogs.shows(call, routes):
            self._new_call(context, uri, routes, now)
        else:
            self.counts["routes_refused"] += 1
            self._forwarder.respond(context, 403, now, phrase=b"Route set not allowed")

    def _new_call(self, context: ResponseContext, uri: Uri, routes: RouteSet, now: float) -> None:
        request, source = context.request, context.source
        assert source is not None
        callee = self._callee(uri, source)
        if is_emergency(callee) and source.decide:
            self._emergency(context, uri, callee, now)
            return
        context.uri, context.callee = uri, callee
        if self._turned_away(context, now) or self._is_unproven(context, now):
            return
        allows_routes = self._upstream_sender.allows_routes(source, routes)
        if not allows_routes:
            self.counts["routes_refused"] += 1
            if not source.decide:
                self._forwarder.respond(context, 403, now, phrase=b"Route set not allowed")
                return
        context.is_initial = True
        self._forwarder.trying(context, now)
        original = self._loops.original(request, context.flow)
        if original is not None and original.attempt.callee == callee.key:
            context.call = original  # a spiral belongs to its attempt (design §5)
            context.is_initial = False
            self._upstream_sender.send_invite(context, uri, callee, routes, original, now)
            return
        context.routes = routes
        attempt = self._admission.attempt(
            request,
            source,
            uri,
            callee,
            None if original is None else original.attempt.caller,
            proven=context.proven,
            peer_names=context.flow.peer_names,
        )
        forbidden = None
        if source.decide:
            names_another = attempt.to_number is not None
            forbidden = forbidden_reason(
                request, source, allows_routes=allows_routes, names_another=names_another
            )
        self._admit(context, attempt, forbidden=forbidden, now=now)
        if self._restored:
            self._restored.came_again(request, context.open, now)

    def _admit(
        self,
        context: ResponseContext,
        attempt: Attempt,
        *,
        now: float,
        asked: bytes | None = None,
        is_transfer: bool = False,
        forbidden: str | None = None,
        target: bytes | None = None,
    ) -> None:
        source = context.source
        assert source is not None
        if target is None:
            target = self._upstream_sender.upstream_of(source).first_key
        try:
            self._admission.admit(
                context,
                attempt,
                source,
                target,
                now,
                asked=asked,
                is_transfer=is_transfer,
                forbidden=forbidden,
            )
        except LedgerFullError:
            self.counts["store_failures"] += 1
            self._unavailable(context, now)

    def to_phone(
        self, context: ResponseContext, phone: ToPhone, routes: RouteSet, now: float
    ) -> None:
        """What has a registration token; an INVITE is recorded as inbound, and no rule is asked."""
        binding, request, source = phone.binding, context.request, context.source
        assert source is not None
        if binding is None or phone.status:
            self._phones.refuse(context, phone.status, now)
            return
        context.routes, context.binding = routes, binding
        if request.method != b"INVITE":
            self._phones.send(context, binding, now)
            return
        if request.to_tag:
            self.counts["dialogs_unknown"] += 1
            self._forwarder.respond(context, 481, now)
            return
        if self._turned_away(context, now):
            return
        context.is_initial = True
        self._forwarder.trying(context, now)
        uri, callee = self._phones.callee_of(binding)
        original = self._loops.original(request, context.flow)
        if original is not None and original.attempt.callee == callee.key:
            context.call = original  # one phone calls another: it was decided on its way out
            context.is_initial = False
            self._phones.send_invite(context, binding, original, now)
            return
        context.uri, context.callee = uri, callee
        attempt = self._admission.attempt(request, source, uri, callee)
        self._admit(context, attempt, now=now, target=binding.flow_key[1].encode())
        if self._restored:
            self._restored.came_again(request, context.open, now)

    def send_undecided(
        self,
        context: ResponseContext,
        uri: Uri,
        routes: RouteSet,
        call: Call | None,
        opened: bool,
        now: float,
    ) -> None:
        if opened:
            self._dialogs.send(context, uri, routes, call, now)
        elif not self._is_unproven(context, now):
            self._upstream_sender.send_other(context, uri, routes, now)

    def _turned_away(self, context: ResponseContext, now: float) -> bool:
        """Whether the gate's own state forbids new calls; the answer is given then."""
        if self.is_draining:
            self._forwarder.respond(context, 503, now)
            return True
        if not self.is_ready or self._store_is_failing(now):
            self.counts["invites_unserved"] += 1
            self._unavailable(context, now)
            return True
        return False

    def _is_unproven(self, context: ResponseContext, now: float) -> bool:
        """Whether a password is asked for, or is wrong; the answer is given then.

        Once a request is proven it is not asked again: a count of a nonce is good for one time.
        """
        request, source = context.request, context.source
        if (
            source is None
            or context.proven is not None
            or not must_be_proven(request, source, context.flow.peer_names)
        ):
            return False
        found = self._authenticator.authenticate(request, source, context.flow.host, now)
        if isinstance(found, str):
            context.proven = found
            return False
        if self._was_proven(context, source, found.user_of_before, now):
            context.proven = found.user_of_before
            self.counts["digest_repeated"] += 1
            return False
        self._forwarder.respond(context, found.status, now, headers=found.headers)
        return True

    def _was_proven(
        self, context: ResponseContext, source: Source, user: str | None, now: float
    ) -> bool:
        """Whether it is an INVITE of this user that was proven before a restart, come again.

        With the answer to a new challenge it would be another attempt, decided and sent twice.
        """
        request, uri, callee = context.request, context.uri, context.callee
        if user is None or request.method != b"INVITE" or uri is None or callee is None:
            return False
        names = context.flow.peer_names
        attempt = self._admission.attempt(
            request, source, uri, callee, proven=user, peer_names=names
        )
        return self._admission.is_repeated(attempt, now)

    def refer(
        self,
        context: ResponseContext,
        uri: Uri,
        routes: RouteSet,
        call: Call | None,
        opened: bool,
        now: float,
    ) -> None:
        """A REFER of a source that decides: like an INVITE to whom it names (design §5).

        So is an INVITE in another case: an unknown method to us, but perhaps not to the upstream.
        """
        request, source = context.request, context.source
        assert source is not None
        is_refer = request.method.upper() == b"REFER"
        referral = read_referral(request) if is_refer else Referral(uri, None)
        if referral is None:
            self.send_undecided(context, uri, routes, call, opened, now)
            return
        is_shown = True
        if call is not None:
            is_shown = self._dialogs.shows(call, routes)
        elif opened:
            is_shown = self._upstream_sender.allows_routes(source, routes)
        if not is_shown:
            self.counts["routes_refused"] += 1
            self._forwarder.respond(context, 403, now, phrase=b"Route set not allowed")
            return
        callee = self._callee(referral.uri, source)
        is_help = is_emergency(callee)
        if not is_help and (self._turned_away(context, now) or self._is_unproven(context, now)):
            return
        attempt = self._admission.attempt(
            request,
            source,
            referral.uri,
            callee,
            proven=context.proven,
            peer_names=context.flow.peer_names,
        )
        asked = referral.uri.raw
        if is_help:
            self.counts["calls_emergency"] += 1
            context.is_emergency = True  # every target is tried
            self.send_undecided(context, uri, routes, call, opened, now)
            self._record_emergency(context, attempt, now, asked=asked)
            return
        context.uri, context.callee, context.routes = uri, callee, routes
        context.referred = (call, opened)
        joined = transferred_call(
            referral, attempt.callee, attempt.caller, source, call, self._calls
        )
        if joined is not None:
            joined.was_transferred = True
        self._admit(context, attempt, now=now, asked=asked, is_transfer=joined is not None)

    def _emergency(self, context: ResponseContext, uri: Uri, callee: Callee, now: float) -> None:
        """Forward first, record after: nothing may keep an emergency call (design §1)."""
        source = context.source
        assert source is not None
        self.counts["calls_emergency"] += 1
        self._forwarder.trying(context, now)
        context.is_initial = True
        self._upstream_sender.send_invite(context, uri, callee, NO_ROUTE, None, now, emergency=True)
        attempt = self._admission.attempt(context.request, source, uri, callee)
        self._record_emergency(context, attempt, now)

    def _record_emergency(
        self, context: ResponseContext, attempt: Attempt, now: float, *, asked: bytes | None = None
    ) -> None:
        source = context.source
        assert source is not None
        target = self._upstream_sender.upstream_of(source).first_key
        try:
            call = self._admission.record_emergency(
                context, attempt, source, target, now, asked=asked
            )
        except LedgerFullError:
            self.counts["emergencies_unrecorded"] += 1
            return
        if context.final_status:  # no target could be tried at all
            outcome = call.outcome(FAILED, context.final_status, now, ended_by=GATE)
            self._recorder.ended(call, outcome, now)

    def resume(self, parked: Parked, now: float) -> None:
        """The decision is on disk: send the INVITE on, or refuse it (design §5, step 7)."""
        context, call = parked.context, parked.call
        if context.has_left or (context.final_status and not parked.given_up):
            return
        if context.final_status == 500:  # abandoned
            return
        if context.final_status == 503:  # the store failed; its entry is there at last
            self._end_unsent(parked, FAILED, 503, now, reason="store")
        elif context.cancel_wanted:
            self._end_unsent(parked, CANCELLED, 487, now)
            self._forwarder.respond(context, 487, now)
        elif call is None:
            self._refuse(parked, now)
        else:
            self._send_decided(context, call, now)

    def abandon(self, context: ResponseContext, now: float) -> None:
        """A bug of ours stopped a request. If it has not left, it gets 500 and its call is over."""
        if context.has_left or context.final_status:
            return
        call = context.call
        ends_call = call is not None and (context.is_initial or context.referred is not None)
        if call is not None and ends_call and self._forwarder.end_attempt(context, 500, now):
            outcome = call.outcome(FAILED, 500, now, ended_by=GATE)
            self._recorder.invite_failed(call, outcome, now)
        self._forwarder.respond(context, 500, now)

    def store_failed(self, parked: Parked, now: float) -> None:
        """The decision can't be written for now (design §15)."""
        context, call = parked.context, parked.call
        self.counts["store_failures"] += 1
        if context.final_status:
            return
        if context.cancel_wanted:
            self._forwarder.respond(context, 487, now)
        elif not self._pass_on_store_failure:
            self._unavailable(context, now)
        elif call is None:
            self._refuse(parked, now)
        else:
            self._send_decided(context, call, now)

    def _refuse(self, parked: Parked, now: float) -> None:
        context, decision = parked.context, parked.decision
        if context.final_status:
            return  # it did not wait for its entry
        code = decision.code or 403
        self._forwarder.end_attempt(context, code, now)
        tag = self._forwarder.own_tag(context.request)
        decision_id = f"{self._gate}-{parked.seq}"
        raw = refusal(context.request, decision, decision_id, tag, self._card)
        self._forwarder.respond_raw(context, code, raw, now)

    def _end_unsent(
        self, parked: Parked, kind: OutcomeKind, status: int, now: float, reason: str | None = None
    ) -> None:
        """An INVITE that never left has ended, and its call too unless a fork of it goes on."""
        call = parked.call
        if not self._forwarder.end_attempt(parked.context, status, now) or call is None:
            return
        ended_by: EndedBy = CALLER if kind == CANCELLED else GATE
        outcome = call.outcome(kind, status, now, ended_by=ended_by, reason=reason)
        self._recorder.invite_failed(call, outcome, now)

    def _send_decided(self, context: ResponseContext, call: Call, now: float) -> None:
        uri, callee, routes = context.uri, context.callee, context.routes
        assert uri is not None
        assert callee is not None
        try:
            if context.referred is not None:
                dialog, opened = context.referred
                self.send_undecided(context, uri, routes, dialog, opened, now)
                context.call = call  # what becomes of the REFER is its outcome
                if context.final_status:
                    self._forwarder.ended_unsent(context, now)
            elif context.binding is not None:
                self._phones.send_invite(context, context.binding, call, now)
            else:
                self._upstream_sender.send_invite(context, uri, callee, routes, call, now)
        except UnsupportedHop as error:
            if self._forwarder.end_attempt(context, error.status, now):
                outcome = call.outcome(FAILED, error.status, now, ended_by=GATE)
                self._recorder.invite_failed(call, outcome, now)
            self._forwarder.respond(
                context, error.status, now, headers=(b"Warning: " + error.warning,)
            )

    def _callee(self, uri: Uri, source: Source) -> Callee:
        """The callee that a Request-URI or Refer-To names: nothing else decides (design §7)."""
        if uri.scheme == b"urn":
            return source.dial_plan.read_urn(text_of(uri.raw))
        return source.dial_plan.read(dialled(uri))

    def _store_is_failing(self, now: float) -> bool:
        since = self._ledger.failing_since
        return (
            since is not None and since + STORE_PATIENCE <= now and not self._pass_on_store_failure
        )

    def _unavailable(self, context: ResponseContext, now: float) -> None:
        """503 for the gate's own state; 1 to 3 s, so that callers don't all come at once."""
        self._forwarder.unavailable(context, now)
