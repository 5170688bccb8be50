"""Calls go to the next target when one is gone (design §6, Targets): SIPp and two carriers."""

import shutil
import time
from pathlib import Path

import pytest

from bench.far_end import far_end

from .conversation import ack, bye, invite, pause, response
from .house import house
from .sipp import call

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed"),
]

PLACES_CALL = [
    invite(),
    response(100, optional=True),
    response(180, optional=True),
    response(200, remember_route=True),
    ack(),
    pause(100),
    bye(),
    response(200),
]
MORE = 'probe = "1s"\nanswer-within = "1s"\n'


def test_calls_go_on_when_the_first_target_is_gone(tmp_path: Path) -> None:
    with (
        far_end() as first,
        far_end() as second,
        house(tmp_path, upstream_port=first.port, spare_port=second.port, more=MORE) as gate,
    ):
        call(tmp_path, PLACES_CALL, port=gate.port, name="before")
        first.close()
        # Nobody listens there any more: silence, then the second one answers.
        call(tmp_path, PLACES_CALL, port=gate.port, name="while")
        records = gate.ended_calls(2)
        first_asked = len(second.seen("INVITE"))
        deadline = time.monotonic() + 40
        while '"target_died"' not in gate.log() and time.monotonic() < deadline:
            time.sleep(0.2)
        assert '"target_died"' in gate.log()
        began = time.monotonic()
        call(tmp_path, PLACES_CALL, port=gate.port, name="after")
        assert time.monotonic() - began < 1.0 + 0.9  # no waiting for the dead one
    assert first_asked == 1
    assert [record["outcome"]["kind"] for record in records] == ["answered", "answered"]
    assert len({invite.call_id for invite in second.seen("INVITE")}) == 2
