"""A policy file that is wrong says where, what was found and what was expected, all at once."""

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipgate.gate import PolicyError, Problem, load_policy, read_policy

HEAD = "policy: sales\nrevision: 1\nrules:\n"
RATE = "  rate: {per: caller, limit: 5, window: 1m}\n"


def problems(text: str | bytes) -> list[str]:
    raw = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(PolicyError) as caught:
        read_policy(raw, Path("sales.yaml"))
    return [str(problem) for problem in caught.value.problems]


def rule(text: str) -> str:
    """A policy of one rule; its first line is line 5."""
    return f"{HEAD}- id: one\n{text}"


def test_a_policy_keeps_the_spelling_of_its_texts() -> None:
    raw = b"policy: sales\nrevision: 2026.10\nrules: []\n"
    policy = read_policy(raw, Path("p"), region="DE", timezone="Europe/Berlin")
    assert (policy.name, policy.revision) == ("sales", "2026.10")
    assert (policy.region, policy.timezone) == ("DE", "Europe/Berlin")
    assert policy.sha256 == hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize("revision", ["2026-11", "1e3", "no", "0o17", "12:30:00", "'7'", "2026"])
def test_a_revision_is_text_whatever_it_looks_like(revision: str) -> None:
    text = f"policy: p\nrevision: {revision}\nrules: []\n"
    assert read_policy(text.encode(), Path("p")).revision == revision.strip("'")


def test_norway_is_a_country() -> None:
    text = rule("  when: {country: NO}\n" + RATE + "  then: reject\n")
    read = read_policy(text.encode(), Path("p"))
    assert read.rules[0].when.values_by_key == (("country", ("NO",)),)


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    text = "policy: p\r\nrevision: 1\r\nrules: []\r\n"
    assert read_policy(b"\xef\xbb\xbf" + text.encode(), Path("p")).name == "p"


def test_a_file_without_end_is_read_no_further_than_a_policy_may_go(tmp_path: Path) -> None:
    path = tmp_path / "endless.yaml"
    path.touch()
    os.truncate(path, 2**40)  # all of it would not fit into memory
    with pytest.raises(PolicyError, match="more than 1000000 bytes"):
        load_policy(path)


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    text = """policy: sales
revison: 1
rules:
- id: a
  rate: {per: caller, limt: 5, window: 1m}
  then: {reject: 503}
- id: a
  list: {name: dnc, of: calee}
  then: {tag: {X Bad: x}}
"""
    assert problems(text) == [
        'sales.yaml:1:1: the key "revision" is missing',
        'sales.yaml:2:1: unknown key "revison"; did you mean "revision"?',
        'sales.yaml:5:23: unknown key "limt"; did you mean "limit"?',
        'sales.yaml:6:18: found "503", which makes a PBX try another trunk; '
        "expected a code from 400 to 499 or 600 to 699, or 603+",
        'sales.yaml:7:7: id "a" for the second time; the first is in line 4',
        'sales.yaml:8:25: found "calee"; did you mean "callee"?; expected callee, caller or cli',
        'sales.yaml:9:16: "X Bad" is no header name; expected a token such as X-Alert',
    ]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "1:1: the file is empty; expected a policy"),
        (b"# only a comment\n", "1:1: the file is empty; expected a policy"),
        (b"- a\n", "1:1: found a list; expected a mapping with policy, revision and rules"),
        (b"x\n", '1:1: found "x"; expected a mapping with policy, revision and rules'),
        (b"policy: p\n\trules: []\n", "2:1: a tab in the indentation; expected spaces"),
        (b"policy:\tp\nrules:\t{}\n", "1:8: a tab; expected spaces"),
        (b"policy: \xff\n", "1:9: byte 0xff is not UTF-8; expected UTF-8"),
        (b"a: b\n\xc3\xa4: \xe4\n", "2:4: byte 0xe4 is not UTF-8; expected UTF-8"),
        ("policy: p".encode("utf-16"), "1:1: UTF-16; expected UTF-8"),
        ("policy: p".encode("utf-16-le"), "1:1: UTF-16; expected UTF-8"),
        ("policy: p".encode("utf-16-be"), "1:1: UTF-16; expected UTF-8"),
        ("policy: p".encode("utf-32"), "1:1: UTF-32; expected UTF-8"),
        (
            "policy: p\n# 上限\n".encode("gbk"),
            "2:3: byte 0xc9 is not UTF-8; the file looks like GBK; expected UTF-8",
        ),
        (
            "policy: p # für alle\n".encode("latin-1"),
            "1:14: byte 0xfc is not UTF-8; expected UTF-8",
        ),
        (
            "policy: p\n\ufeffrules: []\n".encode(),
            "2:1: a byte order mark inside the file; expected one at its beginning, or none",
        ),
        ("policy：p\nrules: []\n".encode(), '1:7: "：" (U+FF1A); expected :'),
        ("policy: p\nrules:\u3000[]\n".encode(), '2:7: "\u3000" (U+3000); expected a space'),
        (b"a: b\nc: 'd\ne: f\n", "2:4: a quote that is never closed"),
        (
            b"a: {b: c,\n  d: e\nf: g\n",
            "3:2: not YAML: while parsing a flow mapping expected ',' or '}', but got ':'"
            " (it begins in line 1)",
        ),
        (b"include: a.yaml\n\tb: c\n", "2:1: a tab in the indentation; expected spaces"),
        (b"a: b\nc: \x00\n", "2:4: control character U+0000; expected text"),
        (b"%YAML 1.1\n---\na: b\n", "2:1: a %YAML line of another version; expected YAML 1.2"),
        (b"a: b\n---\na: b\n", "2:1: a second document; expected one policy per file"),
        (b"a: [1, 2\nb: 3\n", None),
        (b"a: b: c\n", "1:5: not YAML: mapping values are not allowed here"),
        (b"[" * 100, None),
        (b"[" * 19 + b"[[1]]" + b"]" * 19, "1:21: nested too deeply; expected at most 20 levels"),
        (b"x" * 1_000_001, "1:1: more than 1000000 bytes; expected a smaller file"),
    ],
    ids=lambda value: repr(value[:24]) if isinstance(value, bytes) else "",
)
def test_what_is_not_a_yaml_mapping_is_one_problem(raw: bytes, said: str | None) -> None:
    found = problems(raw)
    assert len(found) == 1
    assert said is None or found[0] == f"sales.yaml:{said}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("policy: &a p\nrevision: *a\nrules: []\n", 'anchor "&a"; expected no anchors or aliases'),
        ("policy: p\nrevision: *a\nrules: []\n", 'alias "*a"; expected no anchors or aliases'),
        ("policy: !!str p\nrevision: 1\nrules: []\n", 'tag "tag:yaml.org,2002:str"; expected no'),
        ("policy: p\npolicy: q\nrevision: 1\nrules: []\n", 'key "policy" for the second time'),
        ("policy: p\nrevision: 1\nrules: []\n<<: {a: 1}\n", 'unknown key "<<"'),
        ("policy: p\nrevision: 1\nrules: []\n? [a]\n: b\n", "a list as a key; expected text"),
        ("policy: p\nrevision: ~\nrules: []\n", "found nothing; expected text"),
        ("policy: p\nrevision: [1]\nrules: []\n", "found a list; expected text"),
        (
            'policy: p\nrevision: "\\ud83d"\nrules: []\n',
            "2:11: half a character, U+D83D; expected a whole one",
        ),
        (
            'policy: p\nrevision: 1\nrules: []\n"\\udc00": 1\n',
            "4:1: half a character, U+DC00; expected a whole one",
        ),
        ("policy: p\nrevision: 1\nrules: {}\n", "found a mapping; expected a list of rules"),
        ("policy: p\nrevision: 1\nrules: [7]\n", 'found "7"; expected a rule'),
        ("policy: p\nrevision: 1\nrules: []\nregion: UK\n", 'did you mean "GB"?'),
        ("policy: p\nrevision: 1\nrules: []\ntimezone: ../x\n", "expected a time zone"),
        (
            "policy: p\nrevision: 1\nrules: []\ntimezone: Europe/Berln\n",
            '4:11: found "Europe/Berln"; did you mean "Europe/Berlin"?; expected a time',
        ),
        (
            "policy: p\nrevision: 1\nrules: []\ntimezone: New York\n",
            '4:11: found "New York"; did you mean "America/New_York"?; expected a time zone',
        ),
        (
            "policy: p\nrevision: 1\nrules: []\ninclude: base.yaml\n",
            '4:1: unknown key "include": a policy is one file; expected its rules written out',
        ),
        (
            "policy: p\nrevision: 1\nrules: [{include: a.yaml}]\n",
            '3:10: unknown key "include": a policy is one file; expected its rules written out',
        ),
        (
            "policy: p\nrevision: 1\nrules:\n- !include a.yaml\n",
            '4:3: tag "!include"; expected no tags: a policy is one file',
        ),
        (
            "policy: p\nrevision: 1\nrules: [{id: a, list: {name: x}, then: allow},"
            " {id: a, list: {name: x}, then: allow}]\n",
            '3:53: id "a" for the second time; the first is in line 3',
        ),
        ("policy: p\nrevision: 1\nrules: []\nmode: monitr\n", 'did you mean "monitor"?'),
        ("policy: p q\nrevision: 1\nrules: []\n", "expected up to 64 letters, digits"),
    ],
)
def test_each_mistake_around_the_rules_is_named(text: str, said: str) -> None:
    assert any(said in problem for problem in problems(text)), problems(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  then: reject\n", "a rule without a condition; expected list, "),
        (RATE, 'the key "then" is missing'),
        (RATE + "  then: {}\n", "found no action; expected one of allow, tag and reject"),
        (RATE + "  then: maybe\n", 'found "maybe"; expected allow, or a mapping'),
        (RATE + "  list: {name: x}\n  then: allow\n", "list beside rate; expected one condition"),
        (RATE + "  then: {allow: true, reject: 403}\n", "found allow and reject"),
        (RATE + "  then: {allow: no}\n", 'found "no"; expected true'),
        (RATE + "  then: {allow: true, reason: x}\n", '"reason" belongs to a reject'),
        (RATE + "  then: {tag: {A: b}, retry-after: 1s}\n", '"retry-after" belongs to a reject'),
        (RATE + "  then: {reject: 487}\n", "which a user agent retries or repairs by itself"),
        (RATE + "  then: {reject: 200}\n", 'found "200"; expected a code from 400'),
        (RATE + "  then: {reject: '403'}\n", 'found the text "403"; expected a code'),
        (RATE + "  then: {reject: 403, reason: '{limt}'}\n", "unknown value {limt}; did you mean"),
        (RATE + "  then: {reject: 403, reason: '{limit'}\n", "a lone brace"),
        (RATE + "  then: {reject: 403, reason: '{limit!r}'}\n", "more than a name in it"),
        (RATE + '  then: {reject: 403, reason: "a\\r\\nVia: x"}\n', "line break"),
        (
            RATE + f"  then: {{reject: 403, reason: {'x' * 201}}}\n",
            "6:31: found a text of 201 characters; expected at most 200",
        ),
        (
            RATE + f"  then: {{tag: {{X-A: {'x' * 5000}}}}}\n",
            "found a text of 5000 characters; expected at most 200",
        ),
        (RATE + '  then: {tag: {X-A: "a\\nVia: x"}}\n', "line break"),
        (RATE + '  then: {tag: {"X-A\\r\\nVia": x}}\n', "is no header name"),
        (RATE + "  then: {tag: {Via: x}}\n", '"Via" is not for a policy to write'),
        (RATE + "  then: {tag: {t: x}}\n", '"t" is not for a policy to write'),
        (RATE + "  then: {tag: {X-SipGate-Verdict: x}}\n", "is the gate's own"),
        (RATE + "  then: {tag: []}\n", "found a list; expected header names with texts"),
        (RATE + "  then: {tag: {X-A: [x]}}\n", "found a list; expected text"),
        ("  list: {name: x}\n  then: {reject: 403, reason: '{until}'}\n", "has no {until}"),
        ("  list: {name: DNC}\n  then: allow\n", "a list's name: small letters, digits, - _ ."),
        ("  list: {}\n  then: allow\n", 'the key "name" is missing'),
        ("  list: dnc\n  then: allow\n", 'found "dnc"; expected a mapping with name, of'),
        ("  list: {name: x, absent: yes}\n  then: allow\n", 'found "yes"; expected true or false'),
        ("  list: {name: x, max-age: 31}\n  then: allow\n", 'found "31"; expected a duration'),
        ("  rate: {per: [], limit: 1, window: 1m}\n  then: allow\n", "found an empty list"),
        ("  rate: {per: calee, limit: 1, window: 1m}\n  then: allow\n", 'did you mean "callee"?'),
        ("  rate: {per: caller, limit: 1.5, window: 1m}\n  then: allow\n", "a whole number from"),
        ("  rate: {per: caller, limit: 1, window: 0s}\n  then: allow\n", "from 1s to 400d"),
        ("  rate: {per: caller, limit: 1, window: dya}\n  then: allow\n", 'did you mean "day"?'),
        (
            "  rate: {per: caller, limit: 1, window: 1m, limits: []}\n  then: allow\n",
            "limits beside limit or window; expected one or the other",
        ),
        (
            "  rate: {per: caller, limits: [{limit: 1, window: 1m}, {limit: 1}]}\n  then: allow\n",
            '5:56: the key "window" is missing',
        ),
        (
            "  rate: {per: caller, limit: 1, window: 1m, count: answerd}\n  then: allow\n",
            'found "answerd"; did you mean "answered"?; expected attempts, admitted',
        ),
        ("  concurrent: {per: caller}\n  then: allow\n", 'the key "limit" is missing'),
        ("  expression: x\n  then: allow\n", '5:15: unknown name "x"; expected attempt.time'),
        ("  rte: {}\n  then: allow\n", 'unknown key "rte"; did you mean "rate"?'),
        ("  when: x\n" + RATE + "  then: allow\n", 'found "x"; expected a mapping with caller'),
        ("  when: {callr: x}\n" + RATE + "  then: allow\n", 'did you mean "caller"?'),
        ("  when: {caller: 4711}\n" + RATE + "  then: allow\n", "source/identity such as hq/4711"),
        ("  when: {region: US-ZZ}\n" + RATE + "  then: allow\n", "expected a region such as US-FL"),
        ("  when: {local-time: 20-22}\n" + RATE + "  then: allow\n", "a time of the day such as"),
        ("  when: {local-time: 20:00-24:01}\n" + RATE + "  then: allow\n", "a time of the day"),
        ("  when: {callee: 030-1}\n" + RATE + "  then: allow\n", "expected leading digits"),
        ("  when: {not: {country: de}}\n" + RATE + "  then: allow\n", "two capital letters"),
        ("  when: {kind: emergency}\n" + RATE + "  then: allow\n", "number, short or unreadable"),
        ("  when: {campaign: []}\n" + RATE + "  then: allow\n", "found an empty list"),
        ("  when: {campaign: [[x]]}\n" + RATE + "  then: allow\n", "found a list; expected text"),
    ],
)
def test_each_mistake_in_a_rule_is_named(text: str, said: str) -> None:
    assert any(said in problem for problem in problems(rule(text))), problems(rule(text))


@pytest.mark.parametrize("name", ["quickstart", "article"])
def test_the_shipped_policies_are_right(name: str) -> None:
    path = Path(__file__).parents[2] / "policies" / f"{name}.yaml"
    assert read_policy(path.read_bytes(), path).name == name


def test_the_horizon_is_the_longest_window() -> None:
    text = rule(
        "  rate: {per: caller, limits: [{limit: 1, window: 3d}, {limit: 2, window: day}]}\n"
        "  then: reject\n"
    )
    assert read_policy(text.encode(), Path("p")).horizon_seconds == 3 * 86_400


def test_a_policy_names_the_lists_that_it_looks_up() -> None:
    text = rule("  list: {name: dnc}\n  then: reject\n")
    assert read_policy(text.encode(), Path("p")).list_names == ("dnc",)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_bytes_are_a_policy_or_a_policy_error(data: st.DataObject) -> None:
    path = Path(__file__).parents[2] / "policies" / "article.yaml"
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        cut = data.draw(st.integers(0, 30))
        raw[at : at + cut] = data.draw(
            st.binary(max_size=6)
            | st.sampled_from([b"{", b"[", b": ", b"- ", b"\n", b"'", b'"', b"|", b"&a ", b"*a"])
        )
    assert all(p.line >= 1 and p.column >= 1 for p in problems_of(bytes(raw), path))


def problems_of(raw: bytes, path: Path) -> tuple[Problem, ...]:
    """What is wrong with a file; nothing when it is a policy."""
    try:
        read_policy(raw, path)
    except PolicyError as error:
        return error.problems
    return ()
