"""What can be said of two conditions without any attempt: which implies which, which never holds.

Always on the safe side: yes only where it is certain, whatever has been counted, listed or agreed.
A kind of rule that isn't here implies nothing but itself.
"""

from sipgate.counters import CalendarWindow, Moves, SlidingWindow, Window

from .policy import Rule
from .rules.condition import Condition
from .rules.consent_condition import ConsentCondition
from .rules.cooldown import CooldownCondition
from .rules.counted import ConcurrentCondition, Limit, RateCondition
from .rules.expression_condition import ExpressionCondition
from .rules.identity_condition import IdentityCondition
from .rules.judged import DialerCondition, TrustCondition
from .rules.list_rule import ListCondition
from .rules.open_hours import HoursCondition
from .rules.ratio import RatioCondition
from .when import When

WIDER_UNITS = {"day": ("day", "week", "month"), "week": ("week",), "month": ("month",)}


def implies(one: Rule, other: Rule) -> bool:
    """Whether the other's condition holds whenever this one's does.

    The other's selection must cover this one's.
    """
    if always_holds(other):
        return True
    first, second = one.condition, other.condition
    match first, second:
        case RateCondition(), RateCondition():
            return set(second.per) <= set(first.per) and all(
                any(_limit_implies(a, b) for b in second.limits) for a in first.limits
            )
        case ConcurrentCondition(), ConcurrentCondition():
            return set(second.per) <= set(first.per) and second.limit <= first.limit
        case ListCondition(), ListCondition():
            is_same = (first.list_name, first.of, first.absent) == (
                second.list_name,
                second.of,
                second.absent,
            )
            return is_same and _is_older(first.max_age_seconds, second.max_age_seconds)
        case ConsentCondition(), ConsentCondition():
            return _consent_implies(first, second)
        case IdentityCondition(), IdentityCondition():
            return first.signs <= second.signs and (
                not first.definitions
                or (_is_same_watch(first, second) and second.limit <= first.limit)
            )
        case ExpressionCondition(), ExpressionCondition():
            return first.text.strip() == second.text.strip()
        case HoursCondition(), HoursCondition():
            return first.is_open_whenever(second)
        case _:
            if type(first) is type(second) and first == second:
                return True
            return _is_same_watch(first, second) and _is_looser(first, second)


def always_holds(rule: Rule) -> bool:
    """Whether the condition holds for every attempt that the rule selects."""
    condition = rule.condition
    match condition:
        case RateCondition():
            # Of different callees one that is known may pass even at 0.
            return condition.count != Moves.DISTINCT_CALLEES.value and any(
                limit.limit == 0 for limit in condition.limits
            )
        case ConcurrentCondition():
            return condition.limit == 0
        case ConsentCondition():
            return _is_only(rule.when, "unreadable")
        case ExpressionCondition():
            return condition.text.strip() == "true"
        case _:
            return False


def never_holds(rule: Rule) -> str | None:
    """Why the condition holds for no attempt that the rule selects; None: it may."""
    condition = rule.condition
    match condition:
        case HoursCondition():
            if _is_only(rule.when, "short"):
                return "short numbers have no hours"
            if condition.is_always_open:
                return "its hours are always open"
        case ExpressionCondition() if condition.text.strip() == "false":
            return "its expression is false"
        case ConsentCondition() if _is_only(rule.when, "short"):
            return "short numbers need no consent"
        case _:
            pass
    return None


def useless_limits(condition: Condition) -> list[tuple[Limit, Limit]]:
    """Limits of one rule that say nothing, each with the one beside it that is always first."""
    if not isinstance(condition, RateCondition):
        return []
    found = []
    for index, limit in enumerate(condition.limits):
        for place, other in enumerate(condition.limits):
            if place == index or not _limit_implies(limit, other):
                continue
            if place < index or not _limit_implies(other, limit):
                found.append((limit, other))
                break
    return found


def _limit_implies(one: Limit, other: Limit) -> bool:
    """Whether the other is reached whenever this one is, with a key that is as coarse or more."""
    if other.limit > one.limit:
        return False
    moves, others = one.definition.moves, other.definition.moves
    if moves is Moves.DISTINCT_CALLEES or others is Moves.DISTINCT_CALLEES:
        # A callee may be known in one count and new in the other.
        return one.definition.name == other.definition.name
    if moves is not others and (moves, others) != (Moves.ADMITTED, Moves.ATTEMPTS):
        return False
    return _is_within(one.definition.window, other.definition.window)


def _is_within(window: Window | None, other: Window | None) -> bool:
    """Whether all that is in the one is in the other."""
    match window, other:
        case SlidingWindow(), SlidingWindow():
            return window.length_us <= other.length_us
        case CalendarWindow(), CalendarWindow():
            return window.zone == other.zone and other.unit in WIDER_UNITS[window.unit]
        case _:
            return False


def _consent_implies(one: ConsentCondition, other: ConsentCondition) -> bool:
    """Whether a consent that isn't good enough for the one isn't for the other."""
    is_same = (one.purpose, one.channel) == (other.purpose, other.channel)
    return (
        is_same
        and one.needs_source <= other.needs_source
        and _takes_no_more(other.sources, one.sources)
        and _takes_no_more(other.bases, one.bases)
        and _is_older(one.max_age_seconds, other.max_age_seconds)
    )


def _takes_no_more(narrow: frozenset[str] | None, wide: frozenset[str] | None) -> bool:
    """Whether all that the narrow set takes the wide one does; None takes all."""
    return wide is None or (narrow is not None and narrow <= wide)


def _is_older(max_age: int | None, other: int | None) -> bool:
    """Whether what is too old for the one is too old for the other."""
    return max_age is None or (other is not None and other <= max_age)


def _is_same_watch(one: Condition, other: Condition) -> bool:
    """Whether both look at the same state."""
    names = [definition.name for definition in one.definitions]
    return bool(names) and names == [definition.name for definition in other.definitions]


def _is_looser(one: Condition, other: Condition) -> bool:
    """Whether, of the same state, the other holds whenever this one does."""
    match one, other:
        case CooldownCondition(), CooldownCondition():
            return True
        case RatioCondition(), RatioCondition():
            return other.share <= one.share and other.sample <= one.sample
        case DialerCondition(), DialerCondition():
            return other.score <= one.score
        case TrustCondition(), TrustCondition():
            return other.grade is None and one.grade is None and other.below >= one.below
        case _:
            return False


def _is_only(when: When, kind: str) -> bool:
    return dict(when.values_by_key).get("kind") == (kind,)
