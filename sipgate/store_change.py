"""What all changes that a command orders have in common: the order, the file, the act.

For `list_import` and `consent_change`, whose orders reach a running gate as requests of its store's
owner, or are carried out by the command itself.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import msgspec

from sipgate.clock import Clock
from sipgate.ledger import ActEntry, Ledger
from sipgate.numbers import Reject
from sipgate.printable import printable


class ChangeRefused(Exception):
    """Nothing was changed; the text says why."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a command wants; also the request that a running gate gets, as the op `OP`."""

    OP: ClassVar[str]

    def as_request(self) -> dict[str, Any]:
        """The arguments of the op."""
        request: dict[str, Any] = msgspec.to_builtins(self, enc_hook=str)
        return request

    @classmethod
    def of_request(cls, request: Mapping[str, Any]) -> Self:
        """Raises ChangeRefused for what is no order."""
        try:
            return msgspec.convert(dict(request), cls, dec_hook=_read_path)
        except msgspec.ValidationError as error:
            raise ChangeRefused(f"{cls.OP}: {error}") from error


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an order; also the answer that the command gets."""

    def as_answer(self) -> dict[str, Any]:
        """As the op's result."""
        answer: dict[str, Any] = msgspec.to_builtins(self)
        return answer


def refuse_unless_file(path: Path) -> None:
    """Raises ChangeRefused for what is no file to read to its end: a folder, a device, nothing."""
    if path.is_file():
        return
    if path.is_dir():
        raise ChangeRefused(f"{path}: this is a directory; expected a file")
    if path.exists():
        raise ChangeRefused(f"{path}: this is no regular file")
    raise ChangeRefused(f"{path}: there is no such file")


def told(file: Path | None, reject: Reject) -> str:
    """A bad line for people; None: the file is named elsewhere."""
    where = f"line {reject.line}" if file is None else f"{file}:{reject.line}"
    return f"{where}: {reject.reason}: {printable(reject.text)}"


def append_act(
    ledger: Ledger, clock: Clock, kind: str, by: str, detail: dict[str, int | str | bool | None]
) -> None:
    """Put an act on record; it is not yet durable then."""
    ledger.append(
        ActEntry(
            time_us=int(clock.time() * 1_000_000),
            boot=clock.boot_id,
            boot_us=int(clock.now() * 1_000_000),
            kind=kind,
            by=by,
            detail=detail,
        )
    )


def _read_path(kind: type, value: Any) -> Path:
    if kind is Path and isinstance(value, str) and Path(value).is_absolute():
        return Path(value)
    raise ValueError(f"expected an absolute path, found {value!r}")
