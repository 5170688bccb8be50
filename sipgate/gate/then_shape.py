"""`then` in a policy file: what a rule does."""

import re
from typing import Annotated, Literal

from pydantic import Field

from .action import UNFIT_CODES, Action, Allow, Reject, Tag, is_refusal_code
from .problem import Place, Problems, nearest
from .redress import Redress
from .shape import (
    DURATION,
    MAX_SECONDS,
    NodeField,
    Shape,
    TextField,
    read_seconds,
    read_shape,
    reads,
    wrong,
)
from .text import PLACEHOLDERS, BadText, Text
from .yaml_document import Mapping, Node, Scalar

DEFAULT_CODE = 403  # facts: no failover, no redial by itself
MAX_TEXT_CHARACTERS = 200  # a start line or header that every phone takes, and shows
TOKEN = r"[A-Za-z0-9.!%*_+`'~-]+"  # RFC 3261 §25.1

OWN_HEADERS = frozenset(
    # What a proxy, a dialog or an authentication lives by: a policy must not write these.
    (
        "via",
        "from",
        "to",
        "call-id",
        "cseq",
        "contact",
        "route",
        "record-route",
        "max-forwards",
        "max-breadth",
        "content-length",
        "content-type",
        "content-encoding",
        "content-disposition",
        "authorization",
        "proxy-authorization",
        "proxy-authenticate",
        "www-authenticate",
        "require",
        "proxy-require",
        "supported",
        "unsupported",
        "allow",
        "allow-events",
        "event",
        "subscription-state",
        "session-expires",
        "min-se",
        "rseq",
        "rack",
        "replaces",
        "refer-to",
        "referred-by",
        "refer-sub",
        "join",
        "path",
        "service-route",
        "identity",
        "identity-info",
        "p-asserted-identity",
        "p-preferred-identity",
        "privacy",
        "expires",
        "min-expires",
        "sip-etag",
        "sip-if-match",
        "timestamp",
        "resource-priority",
        "accept-resource-priority",
        "target-dialog",
    )
)

COMMON_VALUES = frozenset(("callee", "caller", "cli"))


OPENING = "opening"
NETWORK_BLOCKED = "603+"  # 603 in the form of ATIS-1000099


def _retry_after(value: object) -> object:
    text = value.text if isinstance(value, Scalar) else ""
    if text == OPENING:
        return text
    seconds = read_seconds(text)
    if seconds is None or not 1 <= seconds <= MAX_SECONDS:
        found = f"found {value}{nearest(text, (OPENING,))}"
        raise wrong(found, "opening, or a duration from 1s to 400d such as 60s")
    return seconds


RetryAfterField = Annotated[
    int | Literal["opening"],
    reads(_retry_after, type="string", pattern=f"^{OPENING}$|{DURATION}"),
]


class ThenShape(Shape):
    """What stands under `then`: one of allow, tag, reject."""

    allow: NodeField = Field(None, description="Let the call through and ask no later rule.")
    tag: NodeField = Field(None, description="Headers to add, by name, and go on.")
    reject: NodeField = Field(None, description="The response code: 4xx, 6xx or 603+.")
    reason: TextField | None = Field(None, description="What the refusal says, with values.")
    retry_after: RetryAfterField | None = Field(
        None,
        description=(
            "Retry-After of the refusal: a duration such as 60s, or `opening`, when the condition "
            "holds no more."
        ),
    )


class ThenReader:
    """Reads a `then`; what is wrong with it goes to `problems`."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self.redress: Redress | None = None  # the policy's, once it has been read

    def read(self, node: Node, rule_id: str, placeholders: frozenset[str] | None) -> Action | None:
        """The action; None when something is wrong.

        `placeholders` are the values that the rule's condition has; None: not known, any will do.
        """
        if isinstance(node, Scalar) and node.text in ("allow", "reject"):
            return Allow() if node.text == "allow" else self._plain_reject(rule_id)
        if isinstance(node, Scalar):
            self._problems.add(
                node.place, f"found {node}", "allow, or a mapping with tag or reject"
            )
            return None
        before = len(self._problems.found)
        shape = read_shape(ThenShape, node, self._problems)
        if shape is None:
            return None
        assert isinstance(node, Mapping)
        chosen = [key for key in ("allow", "tag", "reject") if key in node.entries]
        if len(chosen) != 1:
            found = " and ".join(chosen) or "no action"
            self._problems.add(node.place, f"found {found}", "one of allow, tag and reject")
            return None
        places = {key: value.place for key, (_, value) in node.entries.items()}
        if chosen != ["reject"]:
            for key in ("reason", "retry-after"):
                if key in node.entries:
                    place = node.entries[key][0]
                    self._problems.add(place, f'"{key}" belongs to a reject', None)
        action: Action | None = None
        if chosen == ["allow"]:
            action = self._allow(shape.allow)
        elif chosen == ["tag"]:
            action = self._tag(shape.tag, placeholders)
        else:
            code = self._code(shape.reject)
            spelled = shape.reason or _default_reason(rule_id)
            reason = self._text(places.get("reason", node.place), spelled, placeholders)
            if code is not None and reason is not None:
                until_opening = shape.retry_after == OPENING
                retry_after = None if isinstance(shape.retry_after, str) else shape.retry_after
                redress = self._told(shape.reject)
                action = Reject(code, reason, retry_after, until_opening, redress)
        return action if len(self._problems.found) == before else None

    def _plain_reject(self, rule_id: str) -> Reject:
        return Reject(DEFAULT_CODE, Text(_default_reason(rule_id)))

    def _allow(self, node: Node) -> Allow | None:
        if isinstance(node, Scalar) and (node.is_empty or node.text == "true"):
            return Allow()
        self._problems.add(node.place, f"found {node}", "true")
        return None

    def _told(self, node: Node) -> str | None:
        """What a 603+ says of redress; None: it is none."""
        if not isinstance(node, Scalar) or node.text != NETWORK_BLOCKED:
            return None
        if self.redress is None:
            self._problems.add(
                node.place,
                "603+ in a policy without redress",
                "redress: {url: …} beside rules, for whoever thinks that it was a mistake",
            )
            return None
        return self.redress.told

    def _code(self, node: Node) -> int | None:
        if isinstance(node, Scalar) and (node.is_empty or node.text == "true"):
            return DEFAULT_CODE
        text = node.text if isinstance(node, Scalar) and not node.is_quoted else ""
        if text == NETWORK_BLOCKED:
            return 603
        code = int(text) if re.fullmatch(r"[0-9]{3}", text) else 0
        if is_refusal_code(code):
            return code
        found, expected = f"found {node}", "a code from 400 to 499 or 600 to 699, or 603+"
        if code in UNFIT_CODES:
            found += ", which a user agent retries or repairs by itself"
        elif 500 <= code <= 599:
            found += ", which makes a PBX try another trunk"
        self._problems.add(node.place, found, expected)
        return None

    def _tag(self, node: Node, placeholders: frozenset[str] | None) -> Tag | None:
        if not isinstance(node, Mapping) or not node.entries:
            self._problems.add(node.place, f"found {node}", "header names with texts")
            return None
        headers = []
        for name, (place, value) in node.entries.items():
            lower = name.lower()
            if not re.fullmatch(TOKEN, name):
                self._problems.add(place, f'"{name}" is no header name', "a token such as X-Alert")
            elif lower in OWN_HEADERS or len(name) == 1:
                self._problems.add(
                    place, f'"{name}" is not for a policy to write', "another header"
                )
            elif lower.startswith("x-sipgate-"):
                self._problems.add(place, f'"{name}" is the gate\'s own', "another header")
            if not isinstance(value, Scalar) or value.is_empty:
                self._problems.add(value.place, f"found {value}", "text")
                continue
            text = self._text(value.place, value.text, placeholders)
            if text is not None:
                headers.append((name, text))
        return Tag(tuple(headers))

    def _text(self, place: Place, spelled: str, placeholders: frozenset[str] | None) -> Text | None:
        if len(spelled) > MAX_TEXT_CHARACTERS:
            self._problems.add(
                place,
                f"found a text of {len(spelled)} characters",
                f"at most {MAX_TEXT_CHARACTERS}",
            )
            return None
        try:
            text = Text(spelled)
        except BadText as error:
            self._problems.add(place, f"found {error}", "text on one line")
            return None
        has = COMMON_VALUES | (frozenset(PLACEHOLDERS) if placeholders is None else placeholders)
        for name in text.names:
            if name not in PLACEHOLDERS:
                hint = nearest(name, PLACEHOLDERS)
                self._problems.add(place, f"unknown value {{{name}}}{hint}", _braced(has))
            elif name not in has:
                self._problems.add(place, f"this kind of rule has no {{{name}}}", _braced(has))
        return text


def _braced(names: frozenset[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in PLACEHOLDERS if name in names)


def _default_reason(rule_id: str) -> str:
    return f"refused by rule {rule_id}"
