"""Lets these tests use `bench`, which starts the gate and SIPp and is no installed package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
