"""Whom a certificate proves, and what is wrong with a file (RFC 5922)."""

from pathlib import Path

import pytest

from sipgate.net import CertificateError, ClientTls, ServerTls, proves
from sipgate.net.certificate import names_in

from .authority import Authority


@pytest.mark.parametrize(
    ("certificate", "names"),
    [
        (None, set()),
        ({}, set()),
        ({"subjectAltName": (("DNS", "GW.example.com"), ("IP Address", "192.0.2.1"))},
         {"gw.example.com", "192.0.2.1"}),
        ({"subjectAltName": (("URI", "sip:example.com"), ("DNS", "gw.example.com"))},
         {"example.com"}),
        ({"subjectAltName": (("URI", "sip:user@example.com"),)}, {"example.com"}),
        ({"subjectAltName": (("URI", "https://example.com"),),
          "subject": ((("commonName", "other.example"),),)}, set()),
        ({"subject": ((("countryName", "DE"),), (("commonName", "Old.example"),))},
         {"old.example"}),
    ],
)  # fmt: skip
def test_rfc_5922_7_1_the_names_of_a_certificate(
    certificate: dict[str, object] | None, names: set[str]
) -> None:
    assert names_in(certificate) == names


@pytest.mark.parametrize(
    ("names", "wanted", "is_proven"),
    [
        ({"gw.example.com"}, "GW.example.com.", True),
        ({"gw.example.com"}, "example.com", False),
        ({"*.example.com"}, "gw.example.com", True),
        ({"*.example.com"}, "a.gw.example.com", False),
        ({"*.example.com"}, "example.com", False),
        ({"*"}, "localhost", False),
        ({"2001:db8::1"}, "[2001:db8:0::1]", True),
        ({"192.0.2.1"}, "192.0.2.2", False),
        (set(), "gw.example.com", False),
    ],
)
def test_whether_a_name_is_proven(names: set[str], wanted: str, is_proven: bool) -> None:
    assert proves(frozenset(names), wanted) is is_proven


def test_a_file_that_is_missing_or_no_certificate_is_named(tmp_path: Path) -> None:
    good = Authority(tmp_path).issue("gw.example.com")
    bad = tmp_path / "bad.pem"
    bad.write_text("nonsense")
    for settings, told in [
        (ServerTls(certificate_file=tmp_path / "none.pem"), "none.pem: there is no such file"),
        (ServerTls(certificate_file=bad), "bad.pem: holds no certificate and key in PEM form"),
        (ServerTls(certificate_file=good, key_file=tmp_path / "no.key"), "no.key: there is no"),
        (
            ServerTls(certificate_file=good, ca_file=bad, verify_client="require"),
            "bad.pem: holds no",
        ),
        (ClientTls(ca_file=tmp_path / "no.pem"), "no.pem: no such file"),
    ]:
        with pytest.raises(CertificateError) as caught:
            settings.context()
        assert told in str(caught.value)


def test_a_key_of_another_certificate_is_told(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, other = authority.issue("one.example"), authority.issue("other.example")

    with pytest.raises(CertificateError, match="its key is not the one in"):
        ServerTls(certificate_file=one, key_file=other).context()
