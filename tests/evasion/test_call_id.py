"""One Call-ID and From tag for many calls: each is an attempt of its own (design §18)."""

from tests.proxy.house import House

from .verdict import reached, verdicts


def test_one_call_id_for_many_callees_is_many_attempts(capped: House) -> None:
    for number in range(1, 5):
        capped.phone.calls(f"+1305555000{number}", branch=f"x{number}", cseq=number)
        capped.writes()

    assert len(reached(capped)) == 2
    assert [verdict for _, verdict, _ in verdicts(capped)] == ["allow", "allow"] + ["reject"] * 2


def test_one_call_id_and_cseq_for_many_callees_is_many_attempts(capped: House) -> None:
    for number in range(1, 5):
        capped.phone.calls(f"+1305555000{number}", branch=f"x{number}")
        capped.writes()

    assert len(reached(capped)) == 2
    assert len(capped.decisions) == 4


def test_a_call_id_that_comes_again_after_its_call_is_a_new_attempt(capped: House) -> None:
    for number in range(1, 4):
        capped.phone.calls(branch=f"x{number}", cseq=number)
        capped.writes()
        capped.heard()
        if number < 3:
            capped.trunk.answers(486)
            capped.heard()
            capped.phone.acknowledges(486, branch=f"x{number}", cseq=number)

    assert verdicts(capped)[-1] == ("+13055550001", "reject", "cap")


def test_the_same_invite_on_new_branches_rings_ten_more_times_at_most(capped: House) -> None:
    for number in range(40):
        capped.phone.calls(branch=f"x{number}")
        capped.writes()

    rung = reached(capped)
    assert len(rung) == 2 * 11  # two attempts, each with ten forks
    assert ("+13055550001", "reject", "cap") in verdicts(capped)


def test_a_repair_that_never_ends_becomes_a_new_attempt(capped: House) -> None:
    for number in range(1, 20):
        capped.phone.calls(branch=f"x{number}", cseq=number)
        capped.writes()
        if not reached(capped):
            break
        capped.trunk.answers(407, tag=f"t{number}")
        capped.heard()
        capped.phone.acknowledges(407, branch=f"x{number}", cseq=number)

    assert number == 13  # twice the first and five repairs, then the limit
    assert [verdict for _, verdict, _ in verdicts(capped)] == ["allow", "allow", "reject"]


def test_a_spiral_made_up_from_our_own_branch_is_an_attempt(capped: House) -> None:
    capped.phone.calls()
    capped.writes()
    capped.heard()
    ours = capped.trunk.got_request("INVITE").values(b"via")[0].decode()
    branch, _, _ = ours.partition(".")
    capped.heard()
    capped.trunk.answers(486)
    capped.heard()

    for number in range(2, 5):
        via = (
            f"Via: SIP/2.0/UDP {capped.phone.address};branch=z9hG4bKx{number}\r\n"
            f"Via: {branch}.forged{number}"
        )
        capped.phone.calls("+13055550009", call_id=f"c{number}", via=via)
        capped.writes()

    assert len(capped.decisions) == 4
    assert verdicts(capped)[-1] == ("+13055550009", "reject", "cap")
