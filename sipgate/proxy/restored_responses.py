"""Responses to INVITEs of before a restart go back by the Vias that they carry (design §6)."""

from __future__ import annotations

from collections import Counter

from sipgate.net import Flow
from sipgate.sip import BadMessage, Response, parse_via

from .call import CallState
from .call_progress import CallProgress
from .forwarding import forwarded_response
from .restored import RestoredBranch, RestoredInvites
from .return_path import ReturnPath


class RestoredResponses:
    """Serves them like a stateless proxy, and records what they mean."""

    def __init__(
        self,
        restored: RestoredInvites,
        progress: CallProgress,
        return_path: ReturnPath,
        counts: Counter[str],
    ) -> None:
        self._restored = restored
        self._progress = progress
        self._return_path = return_path
        self._counts = counts

    def take(self, key: bytes, response: Response, flow: Flow, now: float) -> bool:
        """False when no such INVITE is known; `key` is the transaction part of our branch."""
        branch = self._restored.find_response(key, response)
        if branch is None:
            return False
        self._take(branch, response, flow, now)
        return True

    def _take(self, branch: RestoredBranch, response: Response, flow: Flow, now: float) -> None:
        invite, status = branch.invite, response.status
        if status == 100:
            return
        values = response.values(b"via")
        if len(values) < 2:
            self._counts["responses_stray"] += 1
            return
        try:
            back_flow = self._return_path.flow_by_via(parse_via(values[1]), flow)
        except BadMessage:
            self._counts["responses_bad"] += 1
            return
        if response.cseq_method != b"CANCEL" and not self._goes_up(branch, status):
            self._counts["responses_stray"] += 1
            return
        back_flow.send(forwarded_response(response, back_flow))
        if response.cseq_method == b"CANCEL":
            return
        call = invite.call
        if status < 200:
            call.saw_tag(response.to_tag)
            if call.ringing_at is None and status >= 180:
                call.ringing_at = now
            return
        is_last = self._restored.end(invite, status, now)
        if status < 300:
            if call.state is not CallState.UP:
                call.target = branch.target
            self._progress.answered(call, response, now)
        elif is_last:
            self._progress.fell(call, response, invite.open, now)

    def _goes_up(self, branch: RestoredBranch, status: int) -> bool:
        """One non-2xx final response, or 2xx (RFC 3261 §16.7 step 5), of the target that counts.

        The one that has been heard from counts; others may be such as were passed over.
        """
        invite = branch.invite
        is_other = invite.is_heard and branch.target != invite.target
        if invite.is_refused and (is_other or status < 300):
            return False
        if is_other and 300 <= status < 600:
            return False
        if not is_other or status >= 200:
            invite.target, invite.is_heard = branch.target, True
            invite.is_refused = status >= 300
        return True
