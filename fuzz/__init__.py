"""Any bytes at all: what must hold for them, and what looks for bytes for which it doesn't.

`codec.py` and `whole_gate.py` say what must hold, as functions of bytes that raise where it does
not; they need nothing but the project. `python -m fuzz` (needs atheris, `make fuzz`) looks for such
bytes, guided by which lines they reach. What it has found, and few inputs that reach much, are in
`corpus/`; `tests/fuzz/` runs those with the other tests.
"""
