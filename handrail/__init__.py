"""The door: how a person starts Handrail."""

import sys
from pathlib import Path

__version__ = "0.1.0"

# In a wheel the rooms lie beside this file, so that the wheel owns one top-level name only.
if (_rooms := Path(__file__).parent / "rooms").is_dir():
    sys.path.insert(0, str(_rooms))
