"""A binding as the store keeps it, and back: the store has calendar time, and no flows."""

from sipgate.net import Flow
from sipgate.store import Registration

from .binding_table import Binding
from .wire_text import text_of


def as_stored(binding: Binding, now: float, time: float) -> Registration:
    """The row of a binding; `now` and `time` are the same moment on both clocks."""
    listener, flow = binding.flow_key
    return Registration(
        token=text_of(binding.token),
        aor=binding.aor,
        contact=binding.contact,
        source=binding.source,
        upstream=binding.upstream,
        by_path=binding.by_path,
        flow=flow,
        listener=listener,
        is_natted=binding.is_natted,
        user_agent=binding.user_agent,
        registered_time=binding.registered_time,
        refreshed_time=binding.refreshed_time,
        expires_time=time + binding.expires_at - now,
    )


def from_stored(row: Registration, flow: Flow | None, now: float, time: float) -> Binding:
    """The binding of a row; `flow` is None where it was a connection, which did not live on."""
    return Binding(
        token=row.token.encode(),
        aor=row.aor,
        contact=row.contact,
        source=row.source,
        upstream=row.upstream,
        by_path=row.by_path,
        flow=flow,
        flow_key=(row.listener, row.flow),
        is_natted=row.is_natted,
        user_agent=row.user_agent,
        registered_time=row.registered_time,
        refreshed_time=row.refreshed_time,
        expires_at=now + row.expires_time - time,
    )
