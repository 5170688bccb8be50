"""`then` in a policy file: what a rule does."""

import re

from pydantic import Field

from .action import UNFIT_CODES, Action, Allow, Reject, Tag, is_refusal_code
from .problem import Place, Problems, nearest
from .shape import NodeField, SecondsField, Shape, TextField, read_shape
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


class ThenShape(Shape):
    """What stands under `then`: one of allow, tag, reject."""

    allow: NodeField = Field(None, description="Let the call through and ask no later rule.")
    tag: NodeField = Field(None, description="Headers to add, by name, and go on.")
    reject: NodeField = Field(None, description="The response code: 4xx or 6xx.")
    reason: TextField | None = Field(None, description="What the refusal says, with values.")
    retry_after: SecondsField | None = Field(
        None, description="Retry-After of the refusal, for instance 60s."
    )


class ThenReader:
    """Reads a `then`; what is wrong with it goes to `problems`."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

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
                action = Reject(code, reason, shape.retry_after)
        return action if len(self._problems.found) == before else None

    def _plain_reject(self, rule_id: str) -> Reject:
        return Reject(DEFAULT_CODE, Text(_default_reason(rule_id)))

    def _allow(self, node: Node) -> Allow | None:
        if isinstance(node, Scalar) and (node.is_empty or node.text == "true"):
            return Allow()
        self._problems.add(node.place, f"found {node}", "true")
        return None

    def _code(self, node: Node) -> int | None:
        if isinstance(node, Scalar) and (node.is_empty or node.text == "true"):
            return DEFAULT_CODE
        text = node.text if isinstance(node, Scalar) and not node.is_quoted else ""
        code = int(text) if re.fullmatch(r"[0-9]{3}", text) else 0
        if is_refusal_code(code):
            return code
        found, expected = f"found {node}", "a code from 400 to 499 or 600 to 699"
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
