"""`hours`: it is outside the permitted hours at the callee's place."""

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from sipgate.gate.ban_file import BanFile, read_bans
from sipgate.gate.opening import DAY_NAMES, Ban, OpeningHours
from sipgate.gate.problem import nearest
from sipgate.gate.shape import Inner, Shape, TextField, choice, reads, wrong
from sipgate.gate.span import ONE_SPAN, Span, read_span
from sipgate.gate.yaml_document import Scalar
from sipgate.numbers import Place, country_place

from .condition import BadCondition, Surroundings
from .open_hours import HoursCondition

DAY_PATTERN = "({0})(-({0}))?".format("|".join(DAY_NAMES))
_AS_DAYS = "a weekday such as sat, or several such as mon-fri"
_AS_SPANS = 'hours such as "08:00-20:00" or "10:00-13:00, 14:00-20:00"'


def _days(value: object) -> object:
    text = str(value)
    if re.fullmatch(DAY_PATTERN, text) is None:
        raise wrong(f'found the day "{text}"{nearest(text, DAY_NAMES)}', _AS_DAYS)
    return text


def _hours(value: object) -> object:
    if not isinstance(value, Scalar) or value.is_empty:
        raise wrong(f"found {value}", _AS_SPANS)
    texts = value.text.split(",")
    spans: list[Span] = []
    for text in texts:
        read = read_span(text)
        if not read:
            raise wrong(f'found "{text.strip()}"', f"{_AS_SPANS}, each ending after it starts")
        spans += read
    spans.sort()
    for one, other in pairwise(spans):
        if other.start < one.end:
            raise wrong(f"{one} and {other} overlap", "hours that don't")
    return ",".join(map(str, spans))


DaysField = Annotated[str, reads(_days, pattern=f"^{DAY_PATTERN}$")]
HoursField = Annotated[
    str, reads(_hours, type="string", pattern=f"^ *{ONE_SPAN}( *, *{ONE_SPAN})* *$")
]
HolidaysField = Annotated[Literal["closed", "open"], choice("closed", "open")]


class HoursShape(Shape):
    """What stands under `hours`."""

    open: Annotated[dict[DaysField, HoursField], Inner] = Field(
        description=(
            "Weekdays (`sat`, `mon-fri`) with the hours at which calls are permitted, by the "
            "callee's clock: the start is in, the end is out; a day that is not named is closed."
        )
    )
    holidays: HolidaysField = Field(
        "closed", description="Public holidays of the callee's country and region."
    )
    bans: TextField | None = Field(
        None, description="A CSV file of dated bans, relative to the policy."
    )


def hours_condition(shape: HoursShape, surroundings: Surroundings) -> HoursCondition:
    """Raises BadCondition and, for what is wrong in the file of bans, PolicyError."""
    region = surroundings.region
    home = country_place(region) if region is not None else None
    bans: tuple[Ban, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    if shape.bans is not None:
        bans, sha256 = _bans(shape.bans, surroundings.folder)
        files = ((shape.bans, sha256),)
    hours = OpeningHours(week_of(shape.open), on_holidays=shape.holidays == "open", bans=bans)
    return HoursCondition(hours, home or Place(None, (), (surroundings.timezone,)), files)


def week_of(hours_by_days: Mapping[str, str]) -> tuple[tuple[Span, ...], ...]:
    """The spans of each weekday from Monday on; raises BadCondition, all for the key `open`."""
    if not hours_by_days:
        raise BadCondition("open", "no day at all", _AS_DAYS)
    week: list[tuple[Span, ...]] = [()] * len(DAY_NAMES)
    for days, texts in hours_by_days.items():
        spans = tuple(span for text in texts.split(",") for span in read_span(text))
        for day in _numbers(days):
            if week[day]:
                raise BadCondition("open", f"{DAY_NAMES[day]} for the second time, in {days}")
            week[day] = spans
    return tuple(week)


def _numbers(days: str) -> list[int]:
    """The weekdays, from 0 for Monday, of `sat` or `mon-fri`; `sat-mon` is sat, sun and mon."""
    first, _, last = days.partition("-")
    start = DAY_NAMES.index(first)
    length = (DAY_NAMES.index(last) - start) % 7 + 1 if last else 1
    return [(start + offset) % 7 for offset in range(length)]


def _bans(name: str, folder: Path) -> BanFile:
    try:
        return read_bans(folder / name)
    except OSError as error:
        text = f'"{name}" can\'t be read: {error.strerror}'
        raise BadCondition("bans", text, "a CSV file, relative to the policy") from error
