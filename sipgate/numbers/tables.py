"""All tables of numbers and places: loaded at once, and whose they are."""

from importlib.metadata import version

from .numbering import load_numberings
from .place import load_places
from .public_holidays import load_holidays


def load_tables() -> None:
    """Load what the first call would otherwise wait for: about 0.4 s, once."""
    load_numberings()
    load_places()
    load_holidays()


def table_versions() -> dict[str, str]:
    """The packages whose tables decide where and when a number may be called, with versions."""
    return {name: version(name) for name in ("holidays", "phonenumbers", "tzdata")}
