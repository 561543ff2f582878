"""Drawn tables of the features of video."""

from __future__ import annotations

from tests.spec.drawn import Drawn

VIDEOS = """
enrolment_id | video_id | kind      | seconds | progress | occurred_at
ann          | v1       | opened    | 0       |          | 2026-03-10
ann          | v1       | watched   | 300     |          | 2026-03-10
ann          | v1       | skipped   | 900     |          | 2026-03-10
ann          | v1       | left      | 0       | 0.7      | 2026-03-10
ann          | v2       | opened    | 0       |          | 2026-03-11
ann          | v2       | watched   | 300     |          | 2026-03-11
ann          | v2       | left      | 0       | 0.8      | 2026-03-11
ann          | v2       | completed | 0       | 1        | 2026-03-12
bob          | v1       | left      | 0       | 0.3      | 2026-03-12
bob          | v1       | watched   | 60      |          | 2026-01-20
"""


def _video(feature: str, says: str, expect: str, videos: str = VIDEOS) -> Drawn:
    return Drawn(feature, says, {"videos": videos}, expect)


DRAWN = [
    _video("video_skip_share_28d", "seconds skipped of seconds passed", "ann | 0.6\nbob | -\ncat | -"),
    _video("video_watched_minutes_28d", "skipped time is not watched", "ann | 10\nbob | 0\ncat | 0"),
    _video("video_completed_share_28d", "of the videos opened", "ann | 0.5\nbob | -\ncat | -"),
    _video(
        "video_abandoned_now",
        "left after 60 % and not finished since; left early is only looked at",
        "ann | 1\nbob | 0\ncat | 0",
    ),
    _video(
        "video_rewatch_share_28d",
        "seconds watched again of all seconds watched; skipped ones are neither",
        "ann | 1/4\nbob | 0\ncat | -",
        """
enrolment_id | kind      | seconds | occurred_at
ann          | watched   | 300     | 2026-03-10
ann          | rewatched | 100     | 2026-03-11
ann          | skipped   | 500     | 2026-03-11
bob          | watched   | 60      | 2026-03-10
bob          | rewatched | 60      | 2026-02-14
""",
    ),
    _video(
        "video_speed_28d",
        "300 s at 1 and 100 s at 2; a stretch of unknown speed says nothing",
        "ann | 5/4\nbob | -\ncat | 0.75",
        """
enrolment_id | kind    | seconds | speed | occurred_at
ann          | watched | 300     | 1     | 2026-03-10
ann          | watched | 100     | 2     | 2026-03-11
ann          | watched | 900     |       | 2026-03-11
bob          | watched | 60      |       | 2026-03-10
cat          | watched | 0.5     | 0.75  | 2026-03-10
""",
    ),
    _video(
        "video_trend",
        "10 minutes in the last two weeks against 5 in the two before; what is older is in neither",
        "ann | 5\nbob | -2\ncat | 0",
        """
enrolment_id | kind    | seconds | occurred_at
ann          | watched | 600     | 2026-03-01
ann          | watched | 300     | 2026-02-28
ann          | watched | 900     | 2026-02-14
bob          | watched | 120     | 2026-02-15
""",
    ),
    _video(
        "days_since_video",
        "yesterday is 0; never is unknown",
        "ann | 3\nbob | 0\ncat | -",
        """
enrolment_id | kind   | occurred_at | known_at
ann          | opened | 2026-03-11  |
ann          | opened | 2026-03-13  | 2026-03-15
bob          | opened | 2026-03-14  |
""",
    ),
]
