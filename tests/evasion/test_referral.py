"""Having others place the call: REFER, Replaces, 3xx (design §18)."""

from tests.proxy.house import House

from .verdict import reached, verdicts


def test_a_refer_is_decided_like_an_invite(listing: House) -> None:
    listing.call_up(user="+13055550002")

    listing.phone.in_dialog("REFER", branch="r1", headers=["Refer-To: <tel:+1-305-555-0001>"])
    listing.writes()

    assert listing.heard()[-1].startswith("phone: SIP/2.0 603")
    assert verdicts(listing)[-1] == ("+13055550001", "reject", "refused")
    assert listing.decisions[-1].method == "REFER"


def test_many_refers_in_one_dialog_meet_the_limit(capped: House) -> None:
    capped.call_up()
    for number in range(2, 6):
        capped.phone.in_dialog(
            "REFER",
            cseq=number,
            branch=f"r{number}",
            headers=[f"Refer-To: <sip:+1305555000{number}@x>"],
        )
        capped.writes()

    refers = [line for line in capped.heard() if line.startswith("trunk: REFER")]
    assert len(refers) == 1


def test_a_made_up_replaces_is_no_transfer(capped: House) -> None:
    capped.call_up()
    for number in range(2, 4):
        to = f"<sip:+1305555000{number}@x?Replaces=c1%3Bto-tag%3Dt1%3Bfrom-tag%3Df1>"
        capped.phone.in_dialog(
            "REFER", cseq=number, branch=f"r{number}", headers=[f"Refer-To: {to}"]
        )
        capped.writes()

    assert verdicts(capped)[-1] == ("+13055550003", "reject", "cap")


def test_an_invite_with_replaces_is_an_attempt_like_any(listing: House) -> None:
    listing.phone.calls("+13055550001", headers=["Replaces: c9;to-tag=a;from-tag=b"])
    listing.writes()

    assert verdicts(listing) == [("+13055550001", "reject", "refused")]


def test_a_redirection_to_another_number_is_decided_anew(listing: House) -> None:
    listing.phone.calls("+13055550002")
    listing.writes()
    listing.heard()
    listing.trunk.answers(302, contact="sip:+13055550001@10.9.0.9:5080")
    listing.heard()
    listing.phone.acknowledges(302)

    listing.phone.calls("+13055550001", cseq=2, branch="x2")
    listing.writes()

    assert reached(listing) == []
    assert verdicts(listing)[-1] == ("+13055550001", "reject", "refused")
