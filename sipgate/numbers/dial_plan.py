"""How a source dials: what it dialled becomes the number that would ring.

One text can often be read in more than one way (with the outside line or without, national or
local). Each way that the plan knows is tried, and the surest reading wins (`Rank`); of equal ones
the first, in the order of the design's §7.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from .callee import Callee, Kind
from .dial_prefixes import dial_prefix
from .emergency import EmergencyNumbers, is_sos_urn
from .numbering import Rank, Reading, numbering_in, read_international
from .service_code import carried
from .spelling import MAX_KEY_LENGTH, clean, normalise

CACHED_READINGS = 4096  # about 2 MB a source; more would help nobody: dialers seldom repeat
MAX_CACHED_LENGTH = 64  # longer texts are read anew each time: they may not fill the memory
MAX_SHORT = 5  # digits, where no extensions are given
MAX_LOCAL = 9  # digits of the longest local number; more can only be a whole one
MAX_OUTSIDE_LINES = 3  # 9 9 9 reaches the line that 9 reaches
MAX_CODES = 4  # service codes in front of each other

_NO_IDENTITY = frozenset({"", "anonymous", "unavailable", "restricted"})
_PLUS_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
_DIALLED = re.compile(r"[\d+*#]*")
_DIGITS = re.compile(r"[\d+]*\d")
_VANITY = re.compile(r"\+?\d{3,}[\da-z]+")
_KEYPAD = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")  # ITU-T E.161
_PATTERN = re.compile(r"[\dxX*#+]+")
_END_OF_NAME = re.compile(r"[;:?@]")  # parameters, password
_NOWHERE = "00|011"  # international prefixes where no region is known


class _Found(NamedTuple):
    kind: Kind
    key: str
    country: str | None
    dialled: str
    rank: int  # of Rank; 0 for a number that is short only because it is


class DialPlan:
    """Reads what one source dials, and who its callers and CLIs are.

    `extensions` and `short_codes` are patterns where `x` is any digit; ValueError for a pattern or
    region that can't be. `emergency` defaults to the numbers of the region.
    """

    def __init__(
        self,
        *,
        region: str | None = None,
        area_code: str | None = None,
        international_prefix: str | None = None,
        outside_line: tuple[str, ...] = (),
        extensions: tuple[str, ...] = (),
        short_codes: tuple[str, ...] = (),
        emergency: EmergencyNumbers | None = None,
    ) -> None:
        self.region = region
        self.has_extensions = bool(extensions)
        self._home = numbering_in(region) if region is not None else None
        self._emergency = emergency or EmergencyNumbers(region)
        self._internal = _patterns((*extensions, *short_codes))
        self._carrier = dial_prefix(region) if region is not None else None
        prefix = _NOWHERE if self._home is None else self._home.international_prefix
        if international_prefix is not None:
            prefix = re.escape(international_prefix)
        self._international = re.compile(prefix or r"(?!)")
        self._outside = (
            re.compile("|".join(map(re.escape, sorted(outside_line, key=len, reverse=True))))
            if outside_line
            else None
        )
        self._area_code = area_code or ""
        if self._home is not None and self._home.national_prefix == "0":
            self._area_code = self._area_code.removeprefix("0")
        self._read_cached = lru_cache(maxsize=CACHED_READINGS)(self._read)
        self._identity_cached = lru_cache(maxsize=CACHED_READINGS)(self._identity)

    def read(self, user: str) -> Callee:
        """Who is called, from the user part or telephone number of a Request-URI."""
        if len(user) > MAX_CACHED_LENGTH:
            return self._read(user)
        return self._read_cached(user)

    def read_urn(self, urn: str) -> Callee:
        """Who is called by a urn Request-URI: an emergency service, else nobody can read it."""
        key = urn.lower()[:MAX_KEY_LENGTH]
        kind: Kind = "emergency" if is_sos_urn(urn) else "unreadable"
        return Callee(kind=kind, key=key, spelled=urn, country=None, dialled=key)

    def read_cli(self, user: str) -> str | None:
        """A presented number in E.164 form; None for an extension, a name, or nothing."""
        identity = self.identity(user)
        return identity if identity is not None and identity.startswith("+") else None

    def identity(self, user: str) -> str | None:
        """Who a user part says the caller is; None where it says nobody (`anonymous`).

        An extension stays as it is, a possible number becomes E.164, the rest is lower case.
        """
        if len(user) > MAX_CACHED_LENGTH:
            return self._identity(user)
        return self._identity_cached(user)

    def number(self, text: str) -> Reading | None:
        """The number that a text in a list or form stands for, at least a possible one."""
        dialled = clean(text).dialled
        if not _DIGITS.fullmatch(dialled):
            return None
        found = self._whole_number(dialled)
        if found is None or (found.rank < Rank.POSSIBLE and found.rank != Rank.FOREIGN):
            return None
        return found

    def is_internal(self, dialled: str) -> bool:
        """Whether a pattern of extensions or short codes matches."""
        return self._internal is not None and self._internal.fullmatch(dialled) is not None

    def is_emergency(self, dialled: str) -> bool:
        """Whether these digits are exactly an emergency number."""
        return self._emergency.match(dialled)

    # Reading a callee

    def _read(self, user: str) -> Callee:
        if _PLUS_NUMBER.fullmatch(user) and user.isascii():
            reading = read_international(user[1:])
            if reading is not None:
                number, country, _ = reading
                return Callee(
                    kind="number", key=number, spelled=user, country=country, dialled=user
                )
        dialled, context = clean(user)
        found = self._find(dialled, MAX_CODES)
        if context is not None and (found is None or found.rank == 0):
            found = _number(read_international(context[1:] + dialled), dialled) or found
        if found is None:
            key = (dialled or " ".join(normalise(user).split()))[:MAX_KEY_LENGTH]
            found = _Found("unreadable", key, None, dialled, 0)
        return Callee(
            kind=found.kind,
            key=found.key,
            spelled=user,
            country=found.country,
            dialled=found.dialled,
        )

    def _find(self, dialled: str, depth: int) -> _Found | None:
        """The surest reading of dialled characters; None when there is none."""
        if self.is_emergency(dialled):
            return _Found("emergency", dialled, None, dialled, Rank.VALID)
        if self.is_internal(dialled):
            return _Found("short", dialled, None, dialled, Rank.VALID)
        lines = self._behind_outside_line(dialled)
        for line in lines:
            if self.is_emergency(line):
                return _Found("emergency", line, None, line, Rank.VALID)
        if not self.has_extensions and dialled.isdecimal() and len(dialled) <= MAX_SHORT:
            return _short(lines[-1] if lines else dialled)
        best: _Found | None = None
        for line in (*lines, dialled):
            if best is not None and best.rank >= Rank.VALID:
                break
            best = _surer(best, self._find_in_line(line, depth))
        return best

    def _behind_outside_line(self, dialled: str) -> list[str]:
        """What is left when the outside line is taken off: once, twice, …"""
        lines: list[str] = []
        if self._outside is None:
            return lines
        for _ in range(MAX_OUTSIDE_LINES):
            match = self._outside.match(dialled)
            if match is None or match.end() in (0, len(dialled)):
                break
            dialled = dialled[match.end() :]
            lines.append(dialled)
        return lines

    def _find_in_line(self, line: str, depth: int) -> _Found | None:
        line = line.rstrip("+")
        if not line:
            return None
        if not _DIALLED.fullmatch(line):
            return self._find_among_letters(line, depth)
        if "*" in line or "#" in line:
            return self._find_carried(line, depth)
        return self._find_number(line)

    def _find_among_letters(self, line: str, depth: int) -> _Found | None:
        match = _DIALLED.match(line)
        if match is not None and match[0]:
            found = self._find(match[0], depth - 1) if depth else None
            if found is not None and found.kind == "number" and found.rank >= Rank.CUT_VALID:
                return found
        if _VANITY.fullmatch(line):  # 1-800-FLOWERS
            found = self._find_number(line.translate(_KEYPAD))
            if found is not None and found.kind == "number" and found.rank >= Rank.CUT_VALID:
                return found
        return None

    def _find_carried(self, line: str, depth: int) -> _Found | None:
        """The number in a service code; the code itself is short where nothing is configured."""
        ended = line.rstrip("#")
        if ended != line and ended.isdecimal():
            return self._find(ended, depth - 1) if depth else None
        best: _Found | None = None
        for inner, is_plain_call, is_certain in carried(line) if depth else ():
            found = self._find(inner, depth - 1)
            if found is None or (found.kind == "emergency" and not is_plain_call):
                continue  # forwarding a phone to an emergency number is no emergency
            if found.rank > 0 or is_plain_call:
                best = _surer(best, found)
                if found.rank >= (Rank.CUT_VALID if is_certain else Rank.VALID):
                    break
        if best is None and not self.has_extensions:
            digits = sum(map(str.isdecimal, line))
            return _short(line) if 0 < digits <= MAX_SHORT else None
        return best

    def _find_number(self, line: str) -> _Found | None:
        if not _DIGITS.fullmatch(line):
            return None
        emergency = self._emergency_in(line)
        if emergency is not None:
            return _Found("emergency", emergency, None, emergency, Rank.VALID)
        reading = self._whole_number(line)
        if reading is not None:
            return _number(reading, line)
        if not self.has_extensions and line.isdecimal() and len(line) <= MAX_SHORT:
            return _short(line)
        return None

    def _emergency_in(self, line: str) -> str | None:
        """The emergency number behind a carrier code, a plus or the own country code."""
        if line[0] == "+":
            digits = line.lstrip("+")
            behind_code = digits.removeprefix(self._home.code) if self._home is not None else ""
            behind = [digits, behind_code]
        else:
            match = self._carrier.match(line) if self._carrier is not None else None
            behind = [line[match.end() :]] if match is not None else []
        return next((number for number in behind if number and self.is_emergency(number)), None)

    # Reading numbers

    def _whole_number(self, line: str) -> Reading | None:
        """The surest reading of digits with or without a plus."""
        plus = line.rfind("+")
        if plus >= 0:
            head, tail = line[:plus].replace("+", ""), line[plus + 1 :]
            reading = read_international(tail)
            if self._leads_outside(head):
                if reading is not None or tail[0] != "0":
                    return reading
            elif (
                reading is not None
                and reading.rank == Rank.VALID
                and not self._rings(head, has_plus=line[0] == "+")
            ):
                return reading
            else:  # a plus inside a number, or behind a whole one, is a separator
                tail = head + tail
                if line[0] == "+":
                    return read_international(tail)
            line = tail
        return self._surest(line)

    def _rings(self, head: str, *, has_plus: bool) -> bool:
        """Whether what stands before a plus is a number already: what follows is past its end."""
        reading = read_international(head) if has_plus else self._surest(head)
        return reading is not None and reading.rank == Rank.VALID

    def _surest(self, digits: str) -> Reading | None:
        best: Reading | None = None
        for reading in self._readings(digits):
            if best is None or reading.rank > best.rank:
                best = reading
            if best.rank >= Rank.VALID:
                break
        return best

    def _leads_outside(self, head: str) -> bool:
        if self._outside is not None:
            for _ in range(MAX_OUTSIDE_LINES):
                match = self._outside.match(head)
                head = head[match.end() :] if match is not None else head
        return not head or self._international.fullmatch(head) is not None

    def _readings(self, digits: str) -> Iterator[Reading]:
        """Every way to read digits, the likeliest first."""
        match = self._carrier.match(digits) if self._carrier is not None else None
        if match is not None and match.end() < len(digits):
            yield from self._readings(digits[match.end() :])
        match = self._international.match(digits)
        if match is not None:
            reading = read_international(digits[match.end() :])
            if reading is not None:
                yield reading
        if self._home is not None:
            yield from self._readings_at_home(digits)
        foreign = read_international(digits)
        if foreign is not None and foreign.rank in (Rank.VALID, Rank.CUT_VALID):
            rank = Rank.FOREIGN if foreign.rank == Rank.VALID else Rank.FOREIGN_CUT
            yield foreign._replace(rank=rank)

    def _readings_at_home(self, digits: str) -> Iterator[Reading]:
        home = self._home
        assert home is not None
        national = home.significant(digits)
        reading = home.read(national)
        if national != digits:
            if reading is not None and reading.rank != Rank.VALID:
                again = home.significant(national)  # a second prefix: AU 1831 0…
                if again != national:
                    reading = home.read(again)
                elif home.national_prefix == "0" and national.startswith("0"):
                    return  # no number begins so
            if reading is not None:
                yield reading
            return
        is_whole = False  # dialled as it is, without a national prefix
        if reading is not None:
            number = reading.number[len(home.code) + 1 :]
            is_whole = len(home.lengths) == 1 or not home.national_prefix
            if reading.rank in (Rank.VALID, Rank.CUT_VALID) and not is_whole:
                is_whole = not home.is_dialled_with_prefix(number)
            if is_whole:
                yield reading
        if self._area_code and len(digits) <= MAX_LOCAL:
            local = home.read(self._area_code + digits)
            if local is not None and local.rank >= Rank.POSSIBLE:
                yield local
        if digits.startswith(home.code):
            own = home.read(home.significant(digits[len(home.code) :]))
            if own is not None and own.rank in (Rank.VALID, Rank.CUT_VALID):
                yield own
        if reading is not None and not is_whole:
            could_be_local = len(digits) <= MAX_LOCAL and home.has_local_numbers
            if not could_be_local and (reading.rank == Rank.VALID or len(digits) > MAX_LOCAL):
                yield reading

    # Reading callers

    def _identity(self, user: str) -> str | None:
        name = _END_OF_NAME.split(normalise(user), maxsplit=1)[0].strip()
        dialled = clean(user).dialled
        if not any(map(str.isalpha, name)) and _DIALLED.fullmatch(dialled) and dialled:
            if self.is_internal(dialled) or len(dialled) <= MAX_SHORT:
                return dialled
            reading = self._whole_number(dialled) if _DIGITS.fullmatch(dialled) else None
            if reading is not None and reading.rank >= Rank.POSSIBLE:
                return reading.number
            return dialled[:MAX_KEY_LENGTH]
        name = "".join(character for character in name if character.isprintable())
        return None if name in _NO_IDENTITY else name[:MAX_KEY_LENGTH]


def _patterns(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    if not patterns:
        return None
    for pattern in patterns:
        if not _PATTERN.fullmatch(pattern):
            raise ValueError(f"unknown character in the pattern {pattern!r}: digits, x, * and #")
    joined = "|".join(
        re.escape(pattern).replace("x", r"\d").replace("X", r"\d") for pattern in patterns
    )
    return re.compile(joined)


def _number(reading: Reading | None, dialled: str) -> _Found | None:
    if reading is None:
        return None
    return _Found("number", reading.number, reading.country, dialled, reading.rank)


def _short(digits: str) -> _Found:
    return _Found("short", digits, None, digits, 0)


def _surer(one: _Found | None, other: _Found | None) -> _Found | None:
    if one is None or other is None:
        return one or other
    return other if other.rank > one.rank else one
