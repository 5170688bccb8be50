"""Branches and tokens: the same for what belongs together, another for all else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgate.proxy.branch import BranchMaker, is_emergency_token, split_branch
from sipgate.sip import Request, parse_message

KEY = b"k" * 32
TARGET = b"udp:10.9.0.9:5080"


def request(method: str = "INVITE", **changed: str) -> Request:
    fields = {
        "uri": "sip:1@a",
        "branch": "z9hG4bKx",
        "from": "f",
        "to": "",
        "call": "c",
        "cseq": "1",
    }
    fields.update(changed)
    to = f";tag={fields['to']}" if fields["to"] else ""
    message = parse_message(
        (
            f"{method} {fields['uri']} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch={fields['branch']}\r\n"
            f"From: <sip:a@b>;tag={fields['from']}\r\nTo: <sip:c@d>{to}\r\n"
            f"Call-ID: {fields['call']}\r\nCSeq: {fields['cseq']} {method}\r\n\r\n"
        ).encode()
    )
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize("method", ["CANCEL", "ACK"])
def test_cancel_and_ack_have_the_branch_of_their_invite(method: str) -> None:
    maker = BranchMaker(KEY)
    assert maker.transaction_part(request(), TARGET) == maker.transaction_part(
        request(method, to="t"), TARGET
    )


@pytest.mark.parametrize(
    "changed", [{"branch": "z9hG4bKy"}, {"from": "g"}, {"call": "d"}, {"cseq": "2"}], ids=str
)
def test_another_request_has_another_branch(changed: dict[str, str]) -> None:
    maker = BranchMaker(KEY)
    assert maker.transaction_part(request(), TARGET) != maker.transaction_part(
        request(**changed), TARGET
    )


def test_another_target_and_another_key_make_another_branch() -> None:
    parts = {
        BranchMaker(KEY).transaction_part(request(), TARGET),
        BranchMaker(KEY).transaction_part(request(), b"tcp:10.9.0.9:5080"),
        BranchMaker(b"other key of 16b").transaction_part(request(), TARGET),
    }
    assert len(parts) == 3


def test_a_spiral_has_another_loop_part() -> None:
    maker = BranchMaker(KEY)
    parts = {
        maker.loop_part(request(), ()),
        maker.loop_part(request(uri="sip:2@a"), ()),
        maker.loop_part(request(), (b"<sip:r;lr>",)),
    }
    assert len(parts) == 3
    assert maker.loop_part(request(branch="z9hG4bKy"), ()) in parts


def test_a_branch_is_split_into_what_it_was_made_of() -> None:
    maker = BranchMaker(KEY)
    first, second = maker.transaction_part(request(), TARGET), maker.loop_part(request(), ())
    assert split_branch(first + b"." + second) == (first, second)


@given(st.binary(max_size=60))
def test_a_foreign_branch_has_no_second_part_or_our_shape(branch: bytes) -> None:
    first, second = split_branch(branch)
    assert second == b"" or (len(first), len(second)) == (23, 16)


def test_a_token_opens_its_dialog_from_either_end_and_no_other() -> None:
    maker = BranchMaker(KEY)
    token = maker.token(b"c", b"f")
    assert maker.token_opens(token, request(to="t"))
    assert maker.token_opens(token, request(**{"from": "t", "to": "f"}))
    assert not maker.token_opens(token, request(call="other", to="t"))
    assert not maker.token_opens(token, request(**{"from": "x", "to": "t"}))
    assert not maker.token_opens(b"", request())
    assert not BranchMaker(b"other key of 16b").token_opens(token, request(to="t"))


def test_an_emergency_token_says_so() -> None:
    maker = BranchMaker(KEY)
    token = maker.token(b"c", b"f", emergency=True)
    assert is_emergency_token(token)
    assert maker.token_opens(token, request(to="t"))
    assert not is_emergency_token(maker.token(b"c", b"f"))


@pytest.mark.parametrize("emergency", [True, False])
def test_no_token_becomes_that_of_the_other_kind_of_call(emergency: bool) -> None:
    maker = BranchMaker(KEY)
    digest = maker.token(b"c", b"f", emergency=emergency)[-16:]
    other = digest if emergency else b"e" + digest
    assert not maker.token_opens(other, request(to="t"))


def test_no_to_tag_of_ours_is_a_token() -> None:
    maker = BranchMaker(KEY)
    tag = maker.to_tag(request(branch="z9hG4bKb"))
    assert tag == maker.to_tag(request(branch="z9hG4bKb"))
    assert not maker.token_opens(tag, request(**{"from": "z9hG4bKbf", "to": "t"}))
