"""The kinds of rules by name: a new kind is a module of its own and one line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sipgate.gate.shape import Shape

from .concurrent import ConcurrentShape, concurrent_condition
from .condition import Condition, Surroundings
from .consent import ConsentShape, consent_condition
from .cooldown import CooldownShape, cooldown_condition
from .dialer import DialerShape, dialer_condition
from .expression import ExpressionShape, expression_condition
from .hours import HoursShape, hours_condition
from .identity import IdentityShape, identity_condition
from .list_rule import ListShape, list_condition
from .rate import RateShape, rate_condition
from .ratio import RatioShape, ratio_condition
from .trust import TrustShape, trust_condition


@dataclass(frozen=True, slots=True)
class Kind:
    """How a rule kind is read: the shape of what stands under its name, and what it becomes.

    `condition` may raise BadCondition. `bare` is the shape's key under which a plain text is read
    that stands there in the place of a mapping; None: it must be a mapping.
    """

    shape: type[Shape]
    condition: Callable[[Any, Surroundings], Condition]
    bare: str | None = None


KINDS: Mapping[str, Kind] = {
    "list": Kind(ListShape, list_condition),
    "consent": Kind(ConsentShape, consent_condition),
    "identity": Kind(IdentityShape, identity_condition),
    "rate": Kind(RateShape, rate_condition),
    "concurrent": Kind(ConcurrentShape, concurrent_condition),
    "cooldown": Kind(CooldownShape, cooldown_condition),
    "ratio": Kind(RatioShape, ratio_condition),
    "hours": Kind(HoursShape, hours_condition),
    "dialer": Kind(DialerShape, dialer_condition),
    "trust": Kind(TrustShape, trust_condition),
    "expression": Kind(ExpressionShape, expression_condition, bare="expression"),
}
