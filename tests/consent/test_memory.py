"""Which record decides: against a slow model that looks through all of them."""

from hypothesis import example, given
from hypothesis import strategies as st

from sipgate.consent import Consent, MemoryConsents

CALLEE = "+13055550123"
TIMES = st.integers(0, 8).map(float)


@st.composite
def records(draw: st.DrawFn) -> Consent:
    granted = draw(st.none() | TIMES)
    revoked = draw(st.none() | TIMES) if granted is not None else draw(TIMES)
    if granted is not None and revoked is not None:
        revoked = max(granted, revoked)
    return Consent(
        callee=draw(st.sampled_from((CALLEE, "+4930123456"))),
        purpose=draw(st.sampled_from(("marketing", "service"))),
        organisation=draw(st.sampled_from((None, "acme", "globex"))),
        channel=draw(st.sampled_from((None, "voice", "sms"))),
        granted=granted,
        revoked=revoked,
    )


def numbered(consents: list[Consent]) -> list[Consent]:
    return [
        Consent(**{name: getattr(one, name) for name in one.__slots__ if name != "id"}, id=index)
        for index, one in enumerate(consents, 1)
    ]


def newest_of(
    consents: list[Consent], organisation: str, channel: str | None, time: float
) -> Consent | None:
    """All that has happened to the callee until `time`, sorted; the last of it."""
    happened = []
    for one in consents:
        if (one.callee, one.purpose) != (CALLEE, "marketing"):
            continue
        if one.organisation not in (None, organisation):
            continue
        if channel is not None and one.channel not in (None, channel):
            continue
        if one.granted is not None and one.granted <= time:
            happened.append((one.granted, 0, one.id, one))
        if one.revoked is not None and one.revoked <= time:
            happened.append((one.revoked, 1, one.id, one))
    happened.sort(key=lambda event: event[:3])
    return happened[-1][3] if happened else None


@given(
    st.lists(records(), max_size=8),
    st.sampled_from(("acme", "globex", "initech")),
    st.sampled_from((None, "voice", "sms")),
    TIMES,
)
@example(
    [
        Consent(callee=CALLEE, purpose="marketing", granted=5.0),
        Consent(callee=CALLEE, purpose="marketing", granted=1.0, revoked=5.0),
    ],
    "acme",
    None,
    5.0,
)
def test_the_newest_record_until_then_decides(
    consents: list[Consent], organisation: str, channel: str | None, time: float
) -> None:
    consents = numbered(consents)

    found = MemoryConsents(consents).newest(CALLEE, "marketing", organisation, channel, time)

    expected = newest_of(consents, organisation, channel, time)
    assert (found and found.id) == (expected and expected.id)


@given(st.lists(records(), max_size=8))
def test_it_has_each_record_once(consents: list[Consent]) -> None:
    consents = numbered(consents)
    memory = MemoryConsents(consents)

    assert sorted(one.id for one in memory) == [one.id for one in consents]
    assert len(memory) == len(consents)
    assert all(one in memory for one in consents)


def consent(**fields: object) -> Consent:
    return Consent(**{"callee": CALLEE, "purpose": "marketing", **fields})  # type: ignore[arg-type]


def test_another_record_is_not_on_record() -> None:
    memory = MemoryConsents([consent(granted=1.0), consent(revoked=3.0)])

    assert consent(granted=1.0) in memory
    assert consent(granted=1.0, basis="explicit") not in memory
    assert consent(granted=2.0) not in memory
    assert consent(granted=1.0, organisation="acme") not in memory


def test_an_old_consent_that_is_imported_later_does_not_undo_a_revocation() -> None:
    memory = MemoryConsents([consent(granted=1.0, id=1), consent(revoked=3.0, id=2)])

    memory.add([consent(granted=2.0, id=3)])

    newest = memory.newest(CALLEE, "marketing", "acme", None, 4.0)
    assert newest is not None
    assert newest.is_revoked(4.0)


def test_at_the_same_instant_a_revocation_is_the_later() -> None:
    memory = MemoryConsents([consent(revoked=3.0, id=1), consent(granted=3.0, id=2)])

    newest = memory.newest(CALLEE, "marketing", "acme", None, 3.0)

    assert newest is not None
    assert newest.id == 1


def test_of_two_without_a_place_the_one_that_was_added_later_decides() -> None:
    memory = MemoryConsents([consent(granted=3.0, basis="a"), consent(granted=3.0, basis="b")])

    newest = memory.newest(CALLEE, "marketing", "acme", None, 3.0)

    assert newest is not None
    assert newest.basis == "b"


def test_a_consent_by_text_message_hides_none_by_voice() -> None:
    memory = MemoryConsents(
        [consent(granted=1.0, channel="voice"), consent(granted=2.0, channel="sms")]
    )

    newest = memory.newest(CALLEE, "marketing", "acme", "voice", 3.0)

    assert newest is not None
    assert newest.channel == "voice"
