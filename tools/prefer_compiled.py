"""Puts the compiled copy of `sipgate` before its sources, as long as it was made from them.

`compile_hot_modules.py` copies this file into the site-packages of `.venv`, beside a `.pth` file
that calls `prefer` at each start of Python. So it imports nothing and takes about a millisecond.
"""

import os
import sys

BUILDER = "tools/compile_hot_modules.py"
COPY = "build/fast"
SIGNATURE = "signature.txt"  # in COPY: the signature of what the copy was made from


def prefer(root: str) -> None:
    """Let `import sipgate` find the compiled copy; nothing happens when it is old or not wanted."""
    if os.environ.get("SIPGATE_PURE") != "1" and is_fresh(root):
        sys.path.insert(0, os.path.join(root, COPY))


def is_fresh(root: str) -> bool:
    """Whether there is a compiled copy of exactly these sources, for this Python."""
    try:
        with open(os.path.join(root, COPY, SIGNATURE), encoding="utf-8") as file:
            return file.read() == signature(root)
    except OSError:
        return False


def signature(root: str) -> str:
    """Names, sizes and times of all that a build is made from, and the Python it is made for."""
    paths = [os.path.join(root, BUILDER)]
    for folder, folders, names in os.walk(os.path.join(root, "sipgate")):
        folders[:] = [name for name in folders if name != "__pycache__"]
        paths += [os.path.join(folder, name) for name in names]
    lines = [f"{sys.implementation.cache_tag} {sys.platform}"]
    for path in sorted(paths):
        about = os.stat(path)
        lines.append(f"{os.path.relpath(path, root)} {about.st_size} {about.st_mtime_ns}")
    return "\n".join(lines)
