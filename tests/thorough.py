"""How much of what chance may draw is drawn: a third in `make test`, all in `make test-all`."""

from __future__ import annotations

import os

THOROUGH = os.environ.get("HANDRAIL_TEST_THOROUGH") == "1"


def examples(number: int) -> int:
    """How many of so many examples a test draws."""
    return number if THOROUGH else -(-number // 3)
