"""Digest at the gate: whoever a source lets in by password proves it first (RFC 3261 §22.3).

The gate answers as a proxy: 407 with Proxy-Authenticate, the strongest algorithm first (RFC 8760
§2.3). Credentials for another realm are the next element's and pass untouched.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from sipgate.sip import (
    ALGORITHMS,
    BadMessage,
    Credentials,
    Request,
    Uri,
    challenge,
    is_right,
    parse_credentials,
    parse_uri,
    secret_hash,
)

from .guesses import Guesses
from .nonce import Freshness, NonceMint
from .source import Source
from .wire_text import text_of

log = structlog.get_logger()

QUIET_SECONDS = 60.0  # from one guesser that is logged to the next
KEPT_TEXT = 64  # characters of a user name that nobody has proven

Secrets = Mapping[str, str]  # algorithm -> hash of user, realm and password


@dataclass(frozen=True, slots=True)
class Unproven:
    """What an unproven request gets: 407 with challenges, or 403 for who guesses too much."""

    status: int
    headers: tuple[bytes, ...]
    user_of_before: str | None = None  # his password is right, the nonce is of before the restart


class Authenticator:
    """Checks credentials. `secrets` are those of `SOURCE/USER`."""

    def __init__(
        self,
        *,
        secrets: Mapping[str, Secrets],
        mint: NonceMint,
        counts: Counter[str],
    ) -> None:
        self._secrets = secrets
        self._mint = mint
        self._counts = counts
        self._guesses = Guesses()
        self._quiet_until = 0.0
        self._algorithms_by_source: dict[str, tuple[str, ...]] = {}
        # As long to check as a real one, so that time doesn't tell who exists.
        self._nobody = {name: secret_hash(name, "", "", "") for name in ALGORITHMS}

    def authenticate(
        self, request: Request, source: Source, peer: str, now: float
    ) -> str | Unproven:
        """The user who sent the request, or what it gets; `peer` is the numeric address."""
        assert source.realm is not None
        credentials = self._find(request, source.realm)
        if credentials is None:
            self._counts["digest_challenged"] += 1
            return self._challenge(source, peer, now)
        user = credentials.username
        wait = self._guesses.wait_seconds(peer, user, now)
        if wait > 0:
            self._counts["digest_slowed"] += 1
            self._tell(source, peer, user, wait, now)
            return Unproven(403, (b"Retry-After: %d" % (int(wait) + 1),))
        secrets = self._secrets.get(f"{source.name}/{user}")
        known = secrets is not None and credentials.algorithm in secrets
        secret = (secrets if known and secrets else self._nobody).get(credentials.algorithm, "")
        is_proven = is_right(credentials, secret, request.method) and known
        if not is_proven or not _means(credentials.uri, request):
            self._counts["digest_failed"] += 1
            self._guesses.wrong(peer, user, now)
            return self._challenge(source, peer, now)
        freshness = self._mint.check(credentials.nonce, credentials.nonce_count, peer, now)
        if freshness is not Freshness.FRESH:
            # An old nonce, one of before the restart or of another address, or a count that was
            # used: the password is right, so the phone may answer the new challenge by itself.
            self._counts["digest_stale"] += 1
            unproven = self._challenge(source, peer, now, stale=True)
            if freshness is Freshness.OF_BEFORE:
                return Unproven(unproven.status, unproven.headers, user_of_before=user)
            return unproven
        self._mint.use(credentials.nonce, credentials.nonce_count, now)
        self._guesses.right(peer, user)
        return user

    def has_logged_in(self, peer: str) -> bool:
        """Whether anybody has shown the right password from that address since the start."""
        return self._guesses.has_logged_in(peer)

    def _tell(self, source: Source, peer: str, user: str, wait: float, now: float) -> None:
        """One line a minute, whoever it is about; the counters have them all."""
        if now < self._quiet_until:
            return
        self._quiet_until = now + QUIET_SECONDS
        shown = text_of(user.encode("utf-8", "surrogateescape"))[:KEPT_TEXT]
        log.warning(
            "guesser_slowed", source=source.name, address=peer, user=shown, wait_seconds=int(wait)
        )

    def _find(self, request: Request, realm: str) -> Credentials | None:
        """The credentials for our realm; what can't be read counts as none."""
        for index in request.indexes(b"proxy-authorization"):
            try:
                found = parse_credentials(request.lines[index].partition(b":")[2])
            except BadMessage:
                self._counts["digest_unreadable"] += 1
                continue
            if found is not None and found.realm == realm:
                return found
        return None

    def _challenge(self, source: Source, peer: str, now: float, *, stale: bool = False) -> Unproven:
        assert source.realm is not None
        nonce = self._mint.make(peer, now)
        return Unproven(
            407,
            tuple(
                b"Proxy-Authenticate: " + challenge(source.realm, nonce, algorithm, stale=stale)
                for algorithm in self._algorithms(source.name)
            ),
        )

    def _algorithms(self, source_name: str) -> tuple[str, ...]:
        """Those that somebody of this source has a secret for, strongest first."""
        known = self._algorithms_by_source.get(source_name)
        if known is None:
            has = {
                algorithm
                for caller, secrets in self._secrets.items()
                if caller.startswith(source_name + "/")
                for algorithm in secrets
            }
            known = tuple(name for name in ALGORITHMS if name in has) or ("SHA-256",)
            self._algorithms_by_source[source_name] = known
        return known


def own_credentials(request: Request, realm: str) -> list[int]:
    """The lines of Proxy-Authorization that are for our realm: they go no further."""
    found = []
    for index in request.indexes(b"proxy-authorization"):
        try:
            credentials = parse_credentials(request.lines[index].partition(b":")[2])
        except BadMessage:
            continue
        if credentials is not None and credentials.realm == realm:
            found.append(index)
    return found


def _means(raw: bytes, request: Request) -> bool:
    """Whether the URI in the credentials is the Request-URI (RFC 7616 §3.4.6).

    Else credentials for one callee would do for another. A port or parameter may differ: phones
    write some of them in one place only.
    """
    if raw == request.uri:
        return True
    try:
        meant, asked = parse_uri(raw), parse_uri(request.uri)
    except BadMessage:
        return False
    return _party(meant) == _party(asked)


def _party(uri: Uri) -> tuple[bytes, bytes | None, bytes, bytes]:
    return (uri.scheme, uri.user, uri.host, uri.opaque)
