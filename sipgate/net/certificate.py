"""Certificates: what a TLS side shows, whom it believes, and which names are proven (RFC 5922)."""

import ipaddress
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

MINIMUM = ssl.TLSVersion.TLSv1_2  # RFC 7525 §3.1.1: nothing older

VerifyClient = Literal["no", "request", "require"]


class CertificateError(Exception):
    """A certificate, key or CA file can't be used; `path`, and `reason` for people."""

    def __init__(self, path: Path | None, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if path is not None else reason)
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTls:
    """What a TLS listener needs. With `verify_client` it asks for a certificate of its peers."""

    certificate_file: Path
    key_file: Path | None = None  # None: the key is in the certificate's file
    ca_file: Path | None = None  # whom client certificates must come from; None: the machine's
    verify_client: VerifyClient = "no"

    def context(self) -> ssl.SSLContext:
        """Read the files. Raises CertificateError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = MINIMUM
        _show(context, self.certificate_file, self.key_file)
        if self.verify_client != "no":
            _believe(context, self.ca_file)
            context.verify_mode = (
                ssl.CERT_REQUIRED if self.verify_client == "require" else ssl.CERT_OPTIONAL
            )
        return context


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTls:
    """What a connection of ours to a TLS peer needs."""

    ca_file: Path | None = None  # whom its certificate must come from; None: the machine's
    certificate_file: Path | None = None  # ours, if it asks for one
    key_file: Path | None = None
    server_name: str = ""  # what its certificate must prove instead of the host that was named

    def context(self) -> ssl.SSLContext:
        """Read the files. Raises CertificateError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = MINIMUM
        context.check_hostname = False  # `proves` does it, by RFC 5922
        _believe(context, self.ca_file)
        if self.certificate_file is not None:
            _show(context, self.certificate_file, self.key_file)
        return context


def names_in(certificate: Mapping[str, Any] | None) -> frozenset[str]:
    """The identities of a verified certificate, in lower case: RFC 5922 §7.1.

    Domains of its sip URIs, else its DNS names and addresses; the common name only where there is
    no subjectAltName at all.
    """
    if not certificate:
        return frozenset()
    alternatives: Iterable[tuple[str, str]] = certificate.get("subjectAltName", ())
    uris, others = set(), set()
    for kind, value in alternatives:
        if kind == "URI" and value.lower().startswith("sip:"):
            uris.add(value[4:].partition("@")[2].lower() or value[4:].lower())
        elif kind in ("DNS", "IP Address"):
            others.add(value.lower())
    if uris or others:
        return frozenset(uris or others)
    if certificate.get("subjectAltName"):
        return frozenset()
    subject: Iterable[Iterable[tuple[str, str]]] = certificate.get("subject", ())
    return frozenset(
        value.lower() for part in subject for key, value in part if key == "commonName"
    )


def proves(names: frozenset[str], wanted: str) -> bool:
    """Whether one of the names is this host.

    A leftmost `*` stands for one label. RFC 5922 §7.2 has no wildcards, but carriers' certificates
    do.
    """
    wanted = wanted.strip("[]").rstrip(".").lower()
    if wanted in names:
        return True
    try:
        address = str(ipaddress.ip_address(wanted))
    except ValueError:
        return "." in wanted and f"*.{wanted.partition('.')[2]}" in names
    return any(_same_address(name, address) for name in names)


def _same_address(name: str, address: str) -> bool:
    try:
        return str(ipaddress.ip_address(name)) == address
    except ValueError:
        return False


def _show(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    for path in (certificate, key):
        if path is not None and not path.is_file():
            raise CertificateError(path, "there is no such file")
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        raise CertificateError(certificate, _reason(error, key)) from error
    except (OSError, ValueError) as error:
        raise CertificateError(certificate, str(error)) from error


def _believe(context: ssl.SSLContext, ca_file: Path | None) -> None:
    try:
        if ca_file is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(ca_file)
    except (ssl.SSLError, OSError) as error:
        reason = "holds no certificate in PEM form" if isinstance(error, ssl.SSLError) else ""
        raise CertificateError(ca_file, reason or (error.strerror or str(error)).lower()) from error


def _no_password() -> str:
    raise ValueError("the key has a password; the gate needs one without")


def _reason(error: ssl.SSLError, key: Path | None) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"its key is not the one in {key}" if key else "certificate and key don't match"
    if error.reason in ("NO_START_LINE", None):
        return "holds no certificate and key in PEM form"
    return str(error.reason).lower().replace("_", " ")
