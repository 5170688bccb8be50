"""`sipgate.toml`: what it may say, and how each mistake is told."""

import ipaddress
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgate.config import Address, Config, ConfigError, Target, load_config
from sipgate.config_page import page
from sipgate.config_values import parse_address, parse_duration

ROOT = Path(__file__).parent.parent
GOOD = """\
[gate]
policy = "policy.yaml"

[[listen]]
address = "127.0.0.1:5060"

[[source]]
name = "hq"
match = ["10.1.0.0/16", "127.0.0.1"]

[[upstream]]
name = "carrier"
targets = ["sip:198.51.100.10"]
"""


def load(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Config:
    (folder / "policy.yaml").write_text("policy: test\n")
    path = folder / "sipgate.toml"
    path.write_text(text)
    return load_config(path, environ or {})


def problems(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """What is wrong with the text, each as `line:column: text`."""
    with pytest.raises(ConfigError) as caught:
        load(folder, text, environ)
    return [
        str(problem).removeprefix(f"{folder}/sipgate.toml:") for problem in caught.value.problems
    ]


def test_the_smallest_file_has_sane_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, GOOD)

    assert config.gate.mode == "enforce"
    assert config.gate.max_call == 4 * 3600
    assert config.listen[0].transport == "udp"
    assert config.source[0].identity == ("p-asserted-identity", "from")
    assert config.source[0].decide
    assert not config.source[0].trusted
    assert config.limits.max_vias == 70


def test_values_become_what_the_gate_works_with(tmp_path: Path) -> None:
    config = load(tmp_path, GOOD)

    assert config.listen[0].address == Address("127.0.0.1", 5060)
    assert config.source[0].match == (
        ipaddress.ip_network("10.1.0.0/16"),
        ipaddress.ip_network("127.0.0.1/32"),
    )
    assert config.upstream[0].targets == (Target("198.51.100.10", 0, "", "198.51.100.10"),)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    gate = load(tmp_path, GOOD).gate

    assert gate.policy == tmp_path / "policy.yaml"
    assert gate.store == f"sqlite:///{tmp_path}/var/sipgate.db"
    assert gate.store_path == tmp_path / "var/sipgate.db"
    assert gate.key_file == tmp_path / "var/sipgate.key"


def test_the_key_stands_beside_a_store_that_was_moved(tmp_path: Path) -> None:
    text = GOOD.replace("[gate]", '[gate]\nstore = "sqlite:////srv/gate/evidence.db"')

    assert load(tmp_path, text).gate.key_file == Path("/srv/gate/sipgate.key")


def test_a_source_without_an_upstream_has_the_only_one(tmp_path: Path) -> None:
    config = load(tmp_path, GOOD)

    assert config.upstream_of(config.source[0]).name == "carrier"


def test_a_source_without_an_upstream_must_choose_among_several(tmp_path: Path) -> None:
    text = GOOD + '[[upstream]]\nname = "second"\ntargets = ["sip:198.51.100.11"]\n'

    assert problems(tmp_path, text) == [
        '7:1: missing key "upstream" in [[source]]: there are several'
    ]


def test_the_built_in_callee_is_a_target(tmp_path: Path) -> None:
    text = GOOD.replace("sip:198.51.100.10", "callee")

    assert load(tmp_path, text).upstream[0].targets[0].is_built_in


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        pytest.param(
            'policy = "policy.yaml"',
            'policy = "policy.yaml"\n  mdoe = "monitor"',
            '3:3: unknown key "mdoe"; did you mean "mode"?',
            id="unknown key",
        ),
        pytest.param(
            'policy = "policy.yaml"',
            'mode = "monitor"',
            '1:1: missing key "policy" in [gate]',
            id="missing key",
        ),
        pytest.param(
            "policy.yaml", "polcy.yaml", "2:10: there is no file {folder}/polcy.yaml", id="no file"
        ),
        pytest.param(
            "[gate]",
            '[gate]\nmode = "monitr"',
            '2:8: "monitr" is not a value of this key; did you mean "monitor"?',
            id="wrong choice",
        ),
        pytest.param(
            "[gate]",
            '[gate]\nstate = "redis://localhost"',
            '2:9: Redis is not in this version (only "memory")',
            id="redis",
        ),
        pytest.param(
            "[gate]",
            '[gate]\nstore = "postgresql://db/gate"',
            "2:9: PostgreSQL is not in this version (only sqlite:///PATH)",
            id="postgresql",
        ),
        pytest.param(
            "[gate]",
            '[gate]\nprivacy = "hmac"',
            '2:1: "privacy" is not in this version (hashed callees)',
            id="a later key",
        ),
        pytest.param(
            "[gate]",
            "[gate]\nmax-call = 30",
            '2:12: expected a duration such as "30s", "5m" or "4h", found 30',
            id="duration without a unit",
        ),
        pytest.param(
            "[gate]",
            '[gate]\nmax-call = "1s"',
            "2:12: expected at least 60.0, found 1.0",
            id="too short a duration",
        ),
        pytest.param(
            "[gate]",
            '[gate]\ntimezone = "Europe/Berlyn"',
            '2:12: "Europe/Berlyn" is no time zone; expected one like "Europe/Berlin"',
            id="time zone",
        ),
        pytest.param(
            "[[listen]]",
            '[[listen]]\ntransport = "tls"',
            '4:1: missing key "certificate-file" in [[listen]]: TLS needs one',
            id="tls",
        ),
        pytest.param(
            '"127.0.0.1:5060"',
            '"gate.example.com:5060"',
            '5:11: "gate.example.com" is a name; expected an address of this machine',
            id="listening on a name",
        ),
        pytest.param(
            "10.1.0.0/16",
            "10.1.2.0/16",
            '9:10: "10.1.2.0/16" has bits set after its prefix; did you mean "10.1.0.0/16"?',
            id="host bits",
        ),
        pytest.param(
            'name = "hq"',
            'name = "hq"\nregion = "UK"',
            '9:10: "UK" is no region; expected two capital letters such as US; did you mean "GB"?',
            id="region",
        ),
        pytest.param(
            'name = "hq"',
            'name = "hq"\nidentity = ["from", "p-aserted-identity"]',
            '9:21: "p-aserted-identity" is no identity scheme; did you mean "p-asserted-identity"?',
            id="identity scheme",
        ),
        pytest.param(
            'name = "hq"',
            'name = "hq"\nupstream = "carier"',
            '9:12: unknown upstream "carier"; did you mean "carrier"?',
            id="unknown upstream",
        ),
        pytest.param(
            'name = "hq"',
            'name = "hq"\ntrusted = "yes"',
            '9:11: expected true or false, found "yes"',
            id="text for a truth value",
        ),
        pytest.param(
            '["sip:198.51.100.10"]',
            '["sip:198.51.100.10", "callee"]',
            '13:33: "callee" stands alone: it takes no part in failover',
            id="callee beside a target",
        ),
        pytest.param(
            "sip:198.51.100.10",
            "sip:198.51.100.10;transport=sctp",
            '13:12: unknown transport "sctp"; expected udp, tcp or tls',
            id="transport",
        ),
        pytest.param(
            "[[upstream]]",
            "[[upstream]",
            "11:11: expected ']]' at the end of an array declaration",
            id="syntax",
        ),
    ],
)
def test_a_mistake_is_told_with_place_and_remedy(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert problems(tmp_path, GOOD.replace(old, new, 1)) == [told.format(folder=tmp_path)]


def test_two_sources_may_not_claim_one_prefix(tmp_path: Path) -> None:
    text = GOOD + '[[source]]\nname = "lab"\nmatch = ["10.2.0.0/16",\n  "10.1.0.0/16"]\n'

    assert problems(tmp_path, text) == ['17:3: 10.1.0.0/16 already belongs to the source "hq"']


def test_a_longer_prefix_inside_another_is_fine(tmp_path: Path) -> None:
    text = GOOD + '[[source]]\nname = "lab"\nmatch = ["10.1.2.0/24"]\n'

    assert len(load(tmp_path, text).source) == 2


def test_two_sources_of_one_name_are_an_error(tmp_path: Path) -> None:
    text = GOOD + '[[source]]\nname = "hq"\nmatch = ["10.2.0.0/16"]\n'

    assert problems(tmp_path, text) == ['15:8: there are two sources with name "hq"']


def test_a_caller_belongs_to_a_source_that_exists(tmp_path: Path) -> None:
    text = GOOD + '[[caller]]\nid = "hw/4711"\n[[caller]]\nid = "4711"\n'

    assert problems(tmp_path, text) == [
        '15:6: unknown source "hw"; expected one of: hq',
        '17:6: expected "SOURCE/identity", such as "hq/4711"',
    ]


def test_the_numbers_of_a_caller_are_numbers_or_blocks(tmp_path: Path) -> None:
    text = GOOD + '[[caller]]\nid = "hq/4711"\nclis = ["+1305*", "305 555 0100", "1305*", ""]\n'
    good = GOOD + '[[caller]]\nid = "hq/4711"\nclis = ["+1305*", "305 555 0100"]\n'

    assert [told.partition(": ")[0] for told in problems(tmp_path, text)] == ["16:35", "16:44"]
    assert load(tmp_path, good).caller[0].clis == ("+1305*", "305 555 0100")


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD.replace("[gate]", "[gate]\nmod = 1").replace('"hq"', '"hq"\nupstream = "x"')

    assert [
        told.split(":")[0] for told in problems(tmp_path, text + "[limits]\nmax-vias = 1\n")
    ] == [
        "2",
        "10",
        "17",
    ]


def test_sections_that_are_missing_are_named(tmp_path: Path) -> None:
    assert problems(tmp_path, "") == [
        '1:1: missing key "gate"',
        '1:1: missing key "listen"',
        '1:1: missing key "source"',
        '1:1: missing key "upstream"',
    ]


def test_a_file_that_is_missing_is_a_problem_without_a_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "none.toml", {})

    assert str(caught.value) == f"{tmp_path}/none.toml: no such file or directory"


def test_the_place_is_right_after_strings_that_look_like_toml(tmp_path: Path) -> None:
    text = (
        '[gate] # "\n"policy" = "policy.yaml"\nname = """\n[x]\nmax = \\""""\n'
        "[limits]\nmax-vias = 'x'\n" + GOOD.split("\n\n", 1)[1]
    )

    assert problems(tmp_path, text)[1] == '7:12: expected a whole number, found "x"'


@pytest.mark.parametrize(
    ("name", "value", "attribute", "expected"),
    [
        ("SIPGATE_GATE__MODE", "monitor", "mode", "monitor"),
        ("SIPGATE_GATE__UNKNOWN_SOURCE", "403", "unknown_source", "403"),
        ("SIPGATE_GATE__MAX_CALL", "1h", "max_call", 3600.0),
        (
            "SIPGATE_GATE__ALIASES",
            '["a.example", "b.example"]',
            "aliases",
            ("a.example", "b.example"),
        ),
    ],
    ids=["text", "text of digits", "duration", "list"],
)
def test_a_variable_overrides_a_key(
    tmp_path: Path, name: str, value: str, attribute: str, expected: object
) -> None:
    assert getattr(load(tmp_path, GOOD, {name: value}).gate, attribute) == expected


def test_a_variable_reaches_into_a_named_or_counted_section(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        GOOD,
        {
            "SIPGATE_SOURCE__HQ__TRUSTED": "true",
            "SIPGATE_LISTEN__0__ADDRESS": "127.0.0.1:5062",
            "SIPGATE_LIMITS__MAX_VIAS": "20",
        },
    )

    assert config.source[0].trusted
    assert config.listen[0].address.port == 5062
    assert config.limits.max_vias == 20


def test_a_mistake_in_a_variable_is_told_with_its_name(tmp_path: Path) -> None:
    environ = {
        "SIPGATE_GATE__MODE": "monitr",
        "SIPGATE_GATE__MOOD": "x",
        "SIPGATE_SOURCE__9__NAT": "",
    }

    assert sorted(problems(tmp_path, GOOD, environ)) == [
        'SIPGATE_GATE__MODE: "monitr" is not a value of this key; did you mean "monitor"?',
        'SIPGATE_GATE__MOOD: unknown key "mood"; did you mean "mode"?',
        "SIPGATE_SOURCE__9__NAT: the file has no source 9 to override",
    ]


def test_other_variables_are_left_alone(tmp_path: Path) -> None:
    load(tmp_path, GOOD, {"SIPGATE_CONFIG": "x", "SIPGATE_PURE": "1", "PATH": "y", "SIPGATES": ""})


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("SIPGATE_GATE_MODE", 'did you mean "SIPGATE_GATE__MODE"?'),
        ("SIPGATE_GATE_UNKNOWN_SORCE", 'did you mean "SIPGATE_GATE__UNKNOWN_SOURCE"?'),
        ("SIPGATE_SOURCE_HQ_REGION", 'did you mean "SIPGATE_SOURCE__HQ__REGION"?'),
        ("SIPGATE_LISTEN_0_ADDRESS", 'did you mean "SIPGATE_LISTEN__0__ADDRESS"?'),
        ("SIPGATE_LIMITS_MAX_VIAS", 'did you mean "SIPGATE_LIMITS__MAX_VIAS"?'),
        ("SIPGATE_XYZ", "expected SIPGATE_SECTION__KEY"),
    ],
    ids=["one underscore", "typo", "named", "counted", "limits", "nothing near"],
)
def test_a_variable_that_is_no_key_is_an_error(tmp_path: Path, name: str, told: str) -> None:
    assert problems(tmp_path, GOOD, {name: "monitor"}) == [f"{name}: no key is named so; {told}"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[gate]\nmode = "monitor"\n# x\n mode = """\nenforce"""\n',
            '4:2: key "gate.mode" is there for the second time; the first is in line 2',
        ),
        (
            "[gate]\nmode = 1\n[limits]\n[gate]\n",
            "4:1: [gate] is there for the second time; the first is in line 1",
        ),
        (
            "[[source]]\nname = 1\n[[source]]\nname = 2\nname = 3\n",
            '5:1: key "source.name" is there for the second time; the first is in line 4',
        ),
        (
            "[source]\nname = 1\n[[source]]\nname = 2\n",
            "3:1: [source] is there for the second time; the first is in line 1",
        ),
        (
            "a = {b = 1, b = 2}\n",
            '1:13: key "a.b" is there for the second time; the first is in line 1',
        ),
        (
            "a.b = 1\na = 2\n",
            '2:1: key "a" is there for the second time; the first is in line 1',
        ),
        (
            "a.b = 1\na.b.c = 2\n",
            '2:1: key "a.b" is there for the second time; the first is in line 1',
        ),
        (
            "a = 1\na = {b = 1}\n",
            '2:1: key "a" is there for the second time; the first is in line 1',
        ),
        ("[a.b]\n[[a]]\n", "2:1: [a] is there for the second time; the first is in line 1"),
        ("a = [1]\n[[a]]\n", "2:1: [a] is there for the second time; the first is in line 1"),
    ],
    ids=[
        "key",
        "table",
        "key of one of several",
        "array",
        "inline",
        "table",
        "inside",
        "inline again",
        "implied",
        "list",
    ],
)
def test_what_is_there_twice_is_told_with_its_first_line(
    tmp_path: Path, text: str, told: str
) -> None:
    assert problems(tmp_path, text) == [told]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("30s", 30.0),
        ("5m", 300.0),
        ("4h", 14400.0),
        ("7d", 604800.0),
        ("1h30m", 5400.0),
    ],
)
def test_a_duration_is_read_as_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1:5080", Address("192.0.2.1", 5080)),
        ("[2001:db8::1]:5080", Address("2001:db8::1", 5080)),
        ("[::]", Address("::", 5060)),
        ("Gate.Example.com", Address("gate.example.com", 5060)),
    ],
)
def test_an_address_is_read(text: str, address: Address) -> None:
    assert parse_address(text) == address


@given(st.ip_addresses(), st.integers(0, 65535))
def test_every_address_reads_back_as_itself(host: ipaddress.IPv4Address, port: int) -> None:
    address = Address(str(host), port)

    assert parse_address(str(address)) == address


def test_the_page_in_the_manual_is_what_the_fields_say() -> None:
    assert (ROOT / "docs/configuration.md").read_text() == page()


def test_the_smallest_file_in_the_manual_loads(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/quickstart.yaml").write_text("policy: test\n")

    load(tmp_path, page().split("```toml\n")[1].split("```")[0])


def test_the_quickstart_loads() -> None:
    config = load_config(ROOT / "examples/quickstart/sipgate.toml", {})

    assert [listen.transport for listen in config.listen] == ["udp", "tcp"]
    assert config.gate.store_path == ROOT / "var/sipgate.db"
    assert config.upstream[0].targets[0].is_built_in


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            'realm = "example.com"',
            'a realm without identity = ["digest"]: nobody would be asked for a password',
        ),
        (
            'identity = ["digest"]',
            'identity "digest" needs a realm, such as realm = "example.com"',
        ),
    ],
)
def test_a_realm_and_digest_go_together(tmp_path: Path, lines: str, told: str) -> None:
    text = GOOD.replace('name = "hq"\n', f'name = "hq"\n{lines}\n')
    assert told in problems(tmp_path, text)[0]


def test_whoever_comes_must_show_a_password(tmp_path: Path) -> None:
    text = GOOD.replace('match = ["10.1.0.0/16", "127.0.0.1"]', 'match = ["any"]')
    assert 'match = ["any"] needs a realm' in problems(tmp_path, text)[0]


def test_any_is_everywhere(tmp_path: Path) -> None:
    told = 'name = "hq"\nrealm = "example.com"\nidentity = ["digest"]\n'
    text = GOOD.replace('match = ["10.1.0.0/16", "127.0.0.1"]', 'match = ["any"]')
    (tmp_path / "policy.yaml").touch()
    (tmp_path / "gate.toml").write_text(text.replace('name = "hq"\n', told))

    source = load_config(tmp_path / "gate.toml", {}).source[0]

    assert [str(network) for network in source.networks] == ["0.0.0.0/0", "::/0"]


def test_several_targets_with_their_settings(tmp_path: Path) -> None:
    told = (
        'targets = ["sip:gw1.example.com;transport=TCP", "sip:192.0.2.1:5070", "sip:example.com"]\n'
        'select = "round-robin"\nprobe = "10s"\nanswer-within = "2s"\n'
    )
    text = GOOD.replace('targets = ["sip:198.51.100.10"]\n', told)
    assert text != GOOD
    (tmp_path / "policy.yaml").touch()
    (tmp_path / "gate.toml").write_text(text)

    upstream = load_config(tmp_path / "gate.toml", {}).upstream[0]

    assert [(one.host, one.port, one.transport) for one in upstream.targets] == [
        ("gw1.example.com", 0, "tcp"),
        ("192.0.2.1", 5070, ""),
        ("example.com", 0, ""),
    ]
    assert (upstream.select, upstream.probe, upstream.answer_within) == ("round-robin", 10.0, 2.0)


def test_probes_of_less_than_a_second_are_refused(tmp_path: Path) -> None:
    text = GOOD + 'probe = "200ms"\n'
    assert 'at least "1s"' in problems(tmp_path, text)[0]


CARD = """
[redress]
card-url = "https://redress.example.com/gate-1.jws"
card-file = "web/gate-1.jws"
key-file = "policy.yaml"
certificate-url = "https://redress.example.com/gate-1.pem"
"""


def test_a_card_for_refused_callers(tmp_path: Path) -> None:
    redress = load(tmp_path, GOOD + CARD).redress

    assert redress is not None
    assert redress.card_url == "https://redress.example.com/gate-1.jws"
    assert redress.card_file == tmp_path / "web/gate-1.jws"
    assert load(tmp_path, GOOD).redress is None


def test_a_card_needs_all_its_keys(tmp_path: Path) -> None:
    found = problems(tmp_path, GOOD + '\n[redress]\ncard-file = "c.jws"\n')

    assert [text.split(": ", 1)[1] for text in found] == [
        'missing key "card-url" in [redress]',
        'missing key "key-file" in [redress]',
        'missing key "certificate-url" in [redress]',
    ]


def test_a_card_is_fetched_by_https(tmp_path: Path) -> None:
    text = GOOD + CARD.replace("https://redress.example.com/gate-1.jws", "http://example.com/c")

    assert len(problems(tmp_path, text)) == 1


def test_the_section_of_the_card_can_be_overridden(tmp_path: Path) -> None:
    environ = {"SIPGATE_REDRESS__CARD_FILE": "elsewhere.jws"}

    redress = load(tmp_path, GOOD + CARD, environ).redress

    assert redress is not None
    assert redress.card_file == tmp_path / "elsewhere.jws"
