from __future__ import annotations

import re
from pathlib import Path

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "experimenters.md"


def test_the_guide_shows_what_comes_out():
    seen = 0
    for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.S):
        names: dict = {}
        for line in filter(None, block.splitlines()):
            code, _, shown = line.partition("  # ")
            if shown:
                assert repr(eval(code, names)) == shown
                seen += 1
            else:
                exec(code, names)
    assert seen == 3
