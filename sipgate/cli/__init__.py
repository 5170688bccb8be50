"""The `sipgate` command: one module per group of commands.

Reads arguments, calls what `app`, `store`, `ledger`, `gate` and `simulate` offer, prints for people
or (`--json`) for machines, and turns the layers' errors into exit codes: 0 fine, 1 the answer is
no, 2 bad input, 3 can't (I/O). It knows nothing of SIP, decides nothing and keeps nothing.
Layers below are imported inside the commands, so that `--help` is there at once.
`docs/commands.md` is generated from what stands here (`commands_page.py`).
"""

from .program import main, program

__all__ = ["main", "program"]
