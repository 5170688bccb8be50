"""Choosing the inputs that are kept."""

import pytest

from fuzz.codec import check_address
from fuzz.reach import arcs_of, smallest
from sipgate.sip import uri

pytestmark = pytest.mark.skipif(
    not str(uri.__file__).endswith(".py"), reason="what is compiled has no lines to trace"
)


def test_an_input_that_reaches_nothing_new_is_left_out() -> None:
    inputs = [b"sip:a@b", b"sip:ab@b", b"sip:abc@b", b"tel:1"]
    kept = smallest(inputs, check_address)
    assert kept == [b"tel:1", b"sip:a@b"]


def test_what_is_kept_reaches_what_all_reach() -> None:
    inputs = [b"sip:a@b;x=1", b"<sip:a@[::1]:5>;tag=1", b'"a" <sip:b>', b"SIP/2.0/UDP a;rport"]
    together = set().union(*(arcs_of(check_address, raw) for raw in inputs))
    kept = smallest(inputs, check_address)
    assert set().union(*(arcs_of(check_address, raw) for raw in kept)) == together
