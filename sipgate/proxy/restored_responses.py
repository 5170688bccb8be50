"""Responses to INVITEs of before a restart go back by the Vias that they carry (design §6)."""

from __future__ import annotations

from collections import Counter

from sipgate.net import Flow
from sipgate.sip import BadMessage, Response, parse_via

from .call_progress import CallProgress
from .forwarding import forwarded_response
from .restored import RestoredInvite, RestoredInvites
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
        invite = self._restored.find_response(key, response)
        if invite is None:
            return False
        self._take(invite, response, flow, now)
        return True

    def _take(self, invite: RestoredInvite, response: Response, flow: Flow, now: float) -> None:
        call, status = invite.call, response.status
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
        back_flow.send(forwarded_response(response, back_flow))
        if response.cseq_method == b"CANCEL":
            return
        if status < 200:
            call.saw_tag(response.to_tag)
            if call.ringing_at is None and status >= 180:
                call.ringing_at = now
            return
        is_last = self._restored.end(invite, status, now)
        if status < 300:
            self._progress.answered(call, response, now)
        elif is_last:
            self._progress.fell(call, response, invite.open, now)
