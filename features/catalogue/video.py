"""Video: what is watched, what is skipped, and lessons left unfinished (signal S3)."""

from __future__ import annotations

import numpy as np

from features.catalogue.feature import Family
from features.grid import Grid

FAMILY = Family("video", "videos")
feature = FAMILY.feature


@feature(
    "share",
    window=28,
    en="Share of video time skipped forward in the last 28 days",
    ru="Доля видео, промотанного вперёд, за последние 28 дней",
    zh="最近28天视频快进的比例",
)
def video_skip_share_28d(g: Grid) -> np.ndarray:
    """Seconds skipped of seconds watched or skipped."""
    skipped = g.window("skipped", 28)
    passed = skipped + g.window("watched", 28)
    return np.where(passed > 0, skipped / passed, np.nan)


@feature(
    "minutes",
    window=28,
    en="Video watched in the last 28 days",
    ru="Просмотрено видео за последние 28 дней",
    zh="最近28天观看视频时长",
)
def video_watched_minutes_28d(g: Grid) -> np.ndarray:
    return g.window("watched", 28) / 60


@feature(
    "share",
    window=28,
    en="Share of opened videos watched to the end in the last 28 days",
    ru="Доля видео, досмотренных до конца, за последние 28 дней",
    zh="最近28天看完视频的比例",
)
def video_completed_share_28d(g: Grid) -> np.ndarray:
    opened = g.window("videos_opened", 28)
    return np.where(opened > 0, np.minimum(g.window("videos_completed", 28) / opened, 1.0), np.nan)


@feature(
    "count",
    monotone=1,
    en="Lessons left after 60 % and not finished since",
    ru="Уроков, брошенных после 60 % и не досмотренных",
    zh="看到60%以上后放弃的课程数",
)
def video_abandoned_now(g: Grid) -> np.ndarray:
    return g.total("abandoned")
