"""A policy broken in any way says file, line, column, what was found and what was expected."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipgate.gate import PolicyError, read_policy, review

POLICIES = sorted((Path(__file__).parents[2] / "policies").glob("*.yaml"))
HEAD = "policy: p\nrevision: 1\nregion: US\nrules:\n- id: a\n  then: reject\n  "  # line 7 follows
HOURS = 'hours such as "08:00-20:00" or "10:00-13:00, 14:00-20:00"'


def problems(raw: bytes) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        read_policy(raw, Path("p.yaml"))
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("lst: {name: x}", '7:3: unknown key "lst"; did you mean "list"?'),
        (
            "list: {name: x, absnt: true}",
            '7:19: unknown key "absnt"; did you mean "absent"?',
        ),
        ("list: [x]", "7:9: found a list; expected a mapping with name, of, absent or max-age"),
        (
            "rate: {per: caller, limit: many, window: day}",
            '7:30: found "many"; expected a whole number from 0 to 10000000',
        ),
        (
            "rate: {per: caller, limit: 3, window: 0s}",
            '7:41: found "0s"; expected day, week, month, or a duration from 1s to 400d such as'
            " 40m",
        ),
        (
            "rate: {per: caller, limit: 3}",
            "7:9: a rate without limit or window; expected limit and window, or limits",
        ),
        (
            "hours: {open: {mon-fri: '20:00-08:00'}}",
            f'7:27: found "20:00-08:00"; expected {HOURS}, each ending after it starts',
        ),
        (
            "hours: {open: {mno: '08:00-20:00'}}",
            '7:23: found the day "mno"; did you mean "mon"?; expected a weekday such as sat, or'
            " several such as mon-fri",
        ),
        (
            "hours: {open: {mon: '08:00-20:00'}, bans: none.csv}",
            '7:45: "none.csv" can\'t be read: No such file or directory; expected a CSV file,'
            " relative to the policy",
        ),
        ('expression: "1 + 1"', "7:16: it gives a number; expected true or false"),
        (
            "expression: 'attempt.local_hour >'",
            "7:36: it ends too early; expected the rest of it",
        ),
        (
            "expression: '[1, 2].all(x, x > 1)'",
            '7:23: "all" is a macro over lists; expected no macros over lists',
        ),
        (
            "cooldown: {per: caller, wait: soon}",
            '7:33: found "soon"; expected a duration such as 30s, 40m, 24h, 7d or 2w',
        ),
        (
            "ratio: {per: caller, of: short, share: 15, window: day}",
            '7:42: found "15"; expected a share from 0 to 0.999 with up to three decimals, such as'
            " 0.15",
        ),
        (
            "dialer: {per: caller, weights: {sped: 1}}",
            '7:35: unknown key "sped"; did you mean "speed"?',
        ),
        ("trust: {per: caller, below: 0}", "7:31: found 0; expected a standing from 1 to 100"),
        (
            "identity: {any: not-ownd}",
            '7:19: found "not-ownd"; did you mean "not-owned"?; expected not-owned, malformed,'
            " anonymous or contradicted",
        ),
        ("consent: {}", '7:12: the key "purpose" is missing'),
        (
            "when: {region: Florida}\n  list: {name: x}",
            '7:18: found "Florida"; expected a region such as US-FL or AU-QLD',
        ),
        (
            "when: {local-time: '8-20'}\n  list: {name: x}",
            '7:22: found the text "8-20"; expected a time of the day such as 20:00-22:00',
        ),
        ("list: {name: x}\n\tmode: monitor", "8:1: a tab in the indentation; expected spaces"),
        ("<<: {list: {name: x}}", '7:3: unknown key "<<"'),
    ],
)
def test_each_kind_of_mistake_in_a_rule_has_its_place(rule: str, said: str) -> None:
    assert problems(f"{HEAD}{rule}\n".encode()) == [f"p.yaml:{said}"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_encoding_is_named(encoding: str) -> None:
    name = encoding[:6].upper()

    assert problems(f"{HEAD}list: {{name: x}}\n".encode(encoding)) == [
        f"p.yaml:1:1: {name}; expected UTF-8"
    ]


def test_gbk_is_named_with_the_place_of_its_first_character() -> None:
    raw = f"{HEAD}list: {{name: x}}  # 拒绝来电\n".encode("gbk")

    assert problems(raw) == [
        "p.yaml:7:22: byte 0xbe is not UTF-8; the file looks like GBK; expected UTF-8"
    ]


def test_a_byte_order_mark_at_the_beginning_is_none_of_it() -> None:
    raw = b"\xef\xbb\xbf" + f"{HEAD}list: {{name: x, of: calee}}\n".encode()

    assert problems(raw) == [
        'p.yaml:7:23: found "calee"; did you mean "callee"?; expected callee, caller or cli'
    ]


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_any_bytes_in_a_shipped_policy_are_one_or_an_error(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(POLICIES))
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw)))
        cut = data.draw(st.integers(0, 12))
        raw[at : at + cut] = data.draw(
            st.binary(max_size=4)
            | st.sampled_from([b"{}", b"[]", b": ", b"\n", b"'", b"0", b"~", b"99999", b"-"])
        )
    try:
        policy = read_policy(bytes(raw), path)
    except PolicyError as error:
        found = error.problems
    else:
        found, _ = (), review(policy)
    assert all(p.line >= 1 and p.column >= 1 and p.text for p in found)
