"""What owner and client must agree on: where the socket is, and what a line looks like.

One JSON object a line each way: `{"op": …, …}` is answered by `{"result": {…}}` or by
`{"error": {"kind": …, "text": …}}`, in the order of the requests.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import StoreError

MAX_REQUEST_BYTES = 1 << 20
MAX_ADDRESS_BYTES = 107  # sun_path of Linux, without the NUL at its end


@contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """A name for the socket at `path` that fits into an address while the block runs."""
    if len(os.fsencode(path)) <= MAX_ADDRESS_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        address = f"/proc/self/fd/{folder}/{path.name}"
        excess = len(os.fsencode(address)) - MAX_ADDRESS_BYTES
        if excess > 0:
            raise StoreError(
                f"{path}: the name is {excess} bytes too long for a socket; "
                "give the store a shorter one"
            )
        yield address
    finally:
        os.close(folder)
