"""Callers as configuration and policy write them, against how their sources read them."""

from collections.abc import Iterator

from sipgate.config import Config
from sipgate.gate import Policy

from .build import make_source

PROVEN = frozenset(("digest", "tls"))  # such a name is taken as it was proven


def unlike_callers(config: Config, policy: Policy) -> Iterator[tuple[str, str, str]]:
    """Ids that no call will have: where one stands, the id, and what it would be read as.

    An id whose source proves its callers, or isn't there, is passed over.
    """
    plans = {
        settings.name: make_source(settings, config, policy).dial_plan
        for settings in config.source
        if not PROVEN & set(settings.identity)
    }
    written = [("[[caller]]", caller.id) for caller in config.caller]
    for rule in policy.rules:
        written += [(f"rule {rule.id}", caller) for caller in rule.when.callers]
    for where, caller in written:
        source, _, name = caller.partition("/")
        plan = plans.get(source)
        read = None if plan is None else plan.identity(name)
        if read is not None and read != name:
            yield where, caller, f"{source}/{read}"
