"""What becomes of one call at the test callee, and the two headers by which callers learn of it.

`X-Test-Callee: answer;ring=2.5;talk=8` in an INVITE asks the test callee for a fate, so that a
scenario can say which share of its calls is answered whatever plan the callee has. Real callees
ignore it. `forks=2` has so many phones answer, each with a tag of its own; with `deaf` a CANCEL is
confirmed and disobeyed; `challenged` wants credentials first (407), any will do; `silent` says
nothing, not even 100. `X-Test-Callee-Saw: NAME: VALUE` in its responses tells the caller, once per
header, which extension headers (`X-…`) the INVITE had when it arrived: this is how a room learns
that the gate has tagged its call, which no caller is told otherwise.
"""

import re
from dataclasses import dataclass
from typing import Literal, get_args

ASK_HEADER = b"X-Test-Callee"
SAW_HEADER = b"X-Test-Callee-Saw"

Doing = Literal["answer", "ring", "busy", "refuse", "silent"]


_ASKED = re.compile(
    r"(?P<do>answer|ring|busy|refuse|silent)"
    r"(?:;ring=(?P<ring>\d{1,5}(?:\.\d{1,3})?))?"
    r"(?:;talk=(?P<talk>\d{1,5}(?:\.\d{1,3})?))?"
    r"(?:;code=(?P<code>[3-6]\d\d))?"
    r"(?:;forks=(?P<forks>[1-9]))?"
    r"(?P<deaf>;deaf)?"
    r"(?P<challenged>;challenged)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """One call's course: ring for `ring_seconds`, then do it."""

    do: Doing
    ring_seconds: float = 0.0
    talk_seconds: float | None = None  # after it the callee hangs up; None: it never does
    code: int = 603  # busy, refuse: the final response
    phrase: bytes | None = None  # None: the RFC's
    forks: int = 1  # answer: so many phones do, one right after the other
    is_deaf: bool = False  # to CANCEL
    is_challenged: bool = False  # 407 comes first, to whoever shows no credentials

    def ask(self) -> bytes:
        """The value of `X-Test-Callee` that asks for this fate; the phrase is not carried."""
        assert self.do in get_args(Doing)
        parts: list[str] = [self.do]
        if self.ring_seconds:
            parts.append(f"ring={self.ring_seconds:.3f}")
        if self.talk_seconds is not None:
            parts.append(f"talk={self.talk_seconds:.3f}")
        if self.do == "refuse":
            parts.append(f"code={self.code}")
        if self.forks > 1:
            parts.append(f"forks={self.forks}")
        if self.is_deaf:
            parts.append("deaf")
        if self.is_challenged:
            parts.append("challenged")
        return ";".join(parts).encode()


def parse_ask(value: bytes) -> Fate | None:
    """The fate that a caller asks for; None when it can't be read."""
    match = _ASKED.fullmatch(value.decode("ascii", "replace").replace(" ", "").lower())
    if match is None:
        return None
    do = next(doing for doing in get_args(Doing) if doing == match["do"])
    return Fate(
        do=do,
        ring_seconds=float(match["ring"] or 0),
        talk_seconds=float(match["talk"]) if match["talk"] else None,
        code=486 if do == "busy" else int(match["code"] or 603),
        forks=int(match["forks"] or 1),
        is_deaf=match["deaf"] is not None,
        is_challenged=match["challenged"] is not None,
    )
