"""Drawn tables of the features of live classes."""

from __future__ import annotations

from tests.spec.drawn import Drawn

CLASSES = """
enrolment_id | class_id | kind     | quantity | occurred_at      | known_at
ann          | c1       | held     | 1        | 2026-03-02       |
ann          | c2       | held     | 1        | 2026-03-05       |
ann          | c2       | attended | 1        | 2026-03-05       |
ann          | c2       | spoke    | 2        | 2026-03-05       |
ann          | c2       | wrote    | 4        | 2026-03-05       |
ann          | c2       | wrote    | 1        | 2026-03-05       |
ann          | c3       | held     | 1        | 2026-03-09       |
ann          | c4       | held     | 1        | 2026-03-12       |
bob          | c1       | held     | 1        | 2026-03-02       |
bob          | c2       | held     | 1        | 2026-03-05       |
bob          | c2       | attended | 1        | 2026-03-05       | 2026-03-16
bob          | c2       | spoke    | 5        | 2026-03-05       | 2026-03-16
cat          | c0       | held     | 1        | 2026-02-14       |
cat          | c0       | attended | 1        | 2026-02-14       |
cat          | c0       | wrote    | 3        | 2026-02-14       |
"""


def _live(feature: str, says: str, expect: str) -> Drawn:
    return Drawn(feature, says, {"live": CLASSES}, expect)


DRAWN = [
    _live(
        "live_attended_share_28d",
        "of the classes to which one was invited; attendance that is told of later is not known yet",
        "ann | 1/4\nbob | 0\ncat | -\ndan | -",
    ),
    _live("live_missed_in_a_row", "since the last one attended", "ann | 2\nbob | 2\ncat | 0\ndan | 0"),
    _live("live_spoken_28d", "every turn counts", "ann | 2\nbob | 0\ncat | 0\ndan | 0"),
    _live("live_written_28d", "every message counts", "ann | 5\nbob | 0\ncat | 0\ndan | 0"),
]
