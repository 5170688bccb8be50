"""The lines of a file that gave nothing: counted, and written down for whoever sent the file."""

import csv
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Self


class Reject(NamedTuple):
    """A line that gave no entry; the first line of the file is 1."""

    line: int
    text: str
    reason: str


class FileImport:
    """An import of a file, inside `with`: how many lines gave something, and what of the others.

    The rejects file (CSV: line, reason, text) is made with the first bad line; one that is left
    from an earlier import is removed. `rejects` None: bad lines are only counted.
    """

    def __init__(self, rejects: Path | None) -> None:
        self.accepted = 0
        self.rejected = 0
        self.first_reject: Reject | None = None
        self.rejects = rejects
        self._rejects_file: IO[str] | None = None

    def __enter__(self) -> Self:
        if self.rejects is not None:
            self.rejects.unlink(missing_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._rejects_file is not None:
            self._rejects_file.close()

    def _reject(self, reject: Reject) -> None:
        self.rejected += 1
        if self.first_reject is None:
            self.first_reject = reject
        if self.rejects is None:
            return
        if self._rejects_file is None:
            self._rejects_file = open(self.rejects, "w", encoding="utf-8", newline="")  # noqa: SIM115
            csv.writer(self._rejects_file).writerow(("line", "reason", "text"))
        csv.writer(self._rejects_file).writerow((reject.line, reject.reason, reject.text))
