"""The one place where the parts are put together: `run` is the gate as a process.

`build` makes a gate of a configuration; `process` gives it sockets, a store and signals;
`owner_commands` is what `sipgate list import` and the like reach in it. Knows every layer below;
nobody but `cli` knows it.
"""

from .build import Parts, build, sip_limits
from .caller_names import unlike_callers
from .certificates import check_certificates
from .key_file import find_key
from .number_reading import NumberReading, read_number
from .password_file import hashed, read_secrets, write_password_file
from .process import serve
from .recovery import Recovery
from .run import run
from .second_look import engine_at_rest, find_decision, second_look

__all__ = [
    "NumberReading",
    "Parts",
    "Recovery",
    "build",
    "check_certificates",
    "engine_at_rest",
    "find_decision",
    "find_key",
    "hashed",
    "read_number",
    "read_secrets",
    "run",
    "second_look",
    "serve",
    "sip_limits",
    "unlike_callers",
    "write_password_file",
]
