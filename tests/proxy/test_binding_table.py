"""The table of phones: found by token, aor and flow; bounded; what the store lacks is known."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sipgate.proxy.binding_table import Binding, BindingTable

KEY = ("udp:10.0.0.1:5060", "udp:10.1.0.7:5060")


def binding(token: str = "a", **fields: object) -> Binding:
    made = Binding(
        token=token.encode(),
        aor=b"4711@pbx",
        contact=b"sip:4711@10.1.0.7",
        source="hq",
        upstream="pbx",
        by_path=False,
        flow=None,
        flow_key=KEY,
        is_natted=False,
        user_agent=None,
        registered_time=1000.0,
        refreshed_time=1000.0,
        expires_at=60.0,
        call_id=b"r1",
        cseq=1,
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def test_a_binding_is_found_until_it_expires() -> None:
    table = BindingTable()
    bound = table.bind(binding())

    assert table.find(b"a", 59.9) is bound
    assert table.find(b"a", 60.0) is None
    assert table.find(b"b", 0.0) is None


def test_a_refresh_moves_the_binding_that_others_hold() -> None:
    table = BindingTable()
    bound = table.bind(binding())
    moved = ("udp:10.0.0.1:5060", "udp:10.1.0.7:40000")

    table.bind(binding(flow_key=moved, cseq=2, expires_at=120.0, registered_time=2000.0))

    assert (bound.flow_key, bound.expires_at, bound.registered_time) == (moved, 120.0, 1000.0)
    assert table.on_flow(KEY, 0.0) is None
    assert table.on_flow(moved, 0.0) is bound


def test_a_late_200_does_not_move_a_phone_back() -> None:
    table = BindingTable()
    bound = table.bind(binding(cseq=2, expires_at=120.0))

    table.bind(binding(cseq=1))

    assert bound.expires_at == 120.0


def test_a_phone_that_counts_from_one_again_is_refreshed() -> None:
    table = BindingTable()
    bound = table.bind(binding(cseq=9))

    table.bind(binding(cseq=1, refreshed_time=1033.0, expires_at=120.0))

    assert bound.expires_at == 120.0


def test_all_bindings_of_an_address_of_record_go_at_once() -> None:
    table = BindingTable()
    for token, aor in (("a", b"4711@pbx"), ("b", b"4711@pbx"), ("c", b"4712@pbx")):
        table.bind(binding(token, aor=aor))

    table.remove_all("pbx", b"4711@pbx")
    table.remove_all("trunk", b"4712@pbx")

    assert [one.token for one in table] == [b"c"]


def test_a_full_table_forgets_the_one_refreshed_longest_ago() -> None:
    table = BindingTable(most=2)
    for token in ("a", "b", "a", "c"):
        table.bind(binding(token))

    assert [one.token for one in table] == [b"a", b"c"]


def test_who_registers_too_often_pushes_out_nobody_else() -> None:
    table = BindingTable()
    table.bind(binding("other", aor=b"4712@pbx"))
    for number in range(40):
        table.bind(binding(f"n{number}", refreshed_time=1000.0 + number))

    assert table.find(b"other", 0.0) is not None
    assert len(table) == 33
    assert table.find(b"n7", 0.0) is None
    assert table.find(b"n8", 0.0) is not None
    assert table.evicted == 8


def test_what_has_expired_is_taken_out() -> None:
    table = BindingTable()
    table.bind(binding("a", expires_at=10.0))
    table.bind(binding("b", expires_at=20.0))
    table.bind(binding("a", expires_at=30.0, cseq=2))

    table.expire(25.0)
    assert [one.token for one in table] == [b"a"]
    table.expire(30.0)
    assert len(table) == 0


def test_what_the_store_lacks_is_told_once() -> None:
    table = BindingTable()
    bound = table.bind(binding("a"))
    table.bind(binding("b"))
    table.remove(b"b")

    assert table.changes() == [(b"a", bound), (b"b", None)]
    assert table.changes() == []


def test_what_could_not_be_written_is_told_again() -> None:
    table = BindingTable()
    bound = table.bind(binding())
    table.changes()

    table.unwritten([b"a"])

    assert table.has_news
    assert table.changes() == [(b"a", bound)]


def test_what_comes_from_the_store_is_no_change() -> None:
    table = BindingTable()

    table.restore(binding())

    assert table.changes() == []
    assert table.find(b"a", 0.0) is not None


def test_only_a_phone_that_is_new_or_has_moved_is_news() -> None:
    table = BindingTable()
    table.bind(binding())
    table.changes()

    table.bind(binding(cseq=2, expires_at=120.0))
    assert not table.has_news
    table.bind(binding(cseq=3, contact=b"sip:4711@10.1.0.8"))
    assert table.has_news


class AnyOrder(RuleBasedStateMachine):
    """A table of at most four against a plain dict."""

    def __init__(self) -> None:
        super().__init__()
        self.table = BindingTable(most=4)
        self.model: dict[bytes, Binding] = {}  # refreshed longest ago first
        self.stored: dict[bytes, bytes] = {}
        self.now = 0.0
        self.cseq = 0

    @rule(
        token=st.sampled_from("abcdefgh"),
        aor=st.sampled_from([b"x", b"y"]),
        flow=st.sampled_from("12"),
        seconds=st.integers(1, 40),
    )
    def bind(self, token: str, aor: bytes, flow: str, seconds: int) -> None:
        self.cseq += 1
        known = self.model.pop(token.encode(), None)
        if known is None and len(self.model) == 4:
            del self.model[next(iter(self.model))]
        new = binding(
            token,
            aor=aor if known is None else known.aor,
            flow_key=("l", flow),
            expires_at=self.now + seconds,
            cseq=self.cseq,
        )
        self.table.bind(new)
        self.model[new.token] = replace(new)

    @rule(token=st.sampled_from("abcdefgh"))
    def remove(self, token: str) -> None:
        self.table.remove(token.encode())
        self.model.pop(token.encode(), None)

    @rule(aor=st.sampled_from([b"x", b"y"]))
    def remove_all(self, aor: bytes) -> None:
        self.table.remove_all("pbx", aor)
        self.model = {token: one for token, one in self.model.items() if one.aor != aor}

    @rule(seconds=st.integers(1, 20))
    def expire(self, seconds: int) -> None:
        self.now += seconds
        self.table.expire(self.now)
        due = [token for token, one in self.model.items() if one.expires_at <= self.now]
        for token in due:
            if self.table.find(token, 0.0) is None:  # one whose time was cut may stay a while
                del self.model[token]

    @rule()
    def write(self) -> None:
        for token, one in self.table.changes():
            if one is None:
                self.stored.pop(token, None)
            else:
                self.stored[token] = one.aor

    @precondition(lambda self: not self.table._changed)
    @invariant()
    def the_store_has_what_the_table_has(self) -> None:
        assert self.stored == {one.token: one.aor for one in self.table}

    @invariant()
    def it_has_what_the_model_has(self) -> None:
        assert [one.token for one in self.table] == list(self.model)
        for token, one in self.model.items():
            found = self.table.find(token, self.now)
            assert (found is not None) == (one.expires_at > self.now)

    @invariant()
    def each_flow_leads_to_one_of_its_own(self) -> None:
        for flow in "12":
            alive = {
                token
                for token, one in self.model.items()
                if one.flow_key == ("l", flow) and one.expires_at > self.now
            }
            found = self.table.on_flow(("l", flow), self.now)
            assert (found is None) == (not alive)
            assert found is None or found.token in alive

    @invariant()
    def nothing_grows_without_end(self) -> None:
        assert len(self.table._expiring) <= 2 * 4 + 1
        assert len(self.table._changed) <= 2 * 4


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
