"""Video: what is watched, what is skipped, and lessons left unfinished (signal S3)."""

from __future__ import annotations

import numpy as np

from features.catalogue.feature import Family, share
from features.grid import Grid
from features.panes.videos import SECOND

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
    return share(skipped, passed)


@feature(
    "minutes",
    window=28,
    en="Video watched in the last 28 days",
    ru="Просмотрено видео за последние 28 дней",
    zh="最近28天观看视频时长",
)
def video_watched_minutes_28d(g: Grid) -> np.ndarray:
    return g.window("watched", 28) / (60 * SECOND)


@feature(
    "share",
    window=28,
    en="Videos watched to the end for each opening, in the last 28 days",
    ru="Досмотров до конца на одно открытие видео, за последние 28 дней",
    zh="最近28天每次打开视频后看完的比例",
)
def video_completed_share_28d(g: Grid) -> np.ndarray:
    opened = g.window("videos_opened", 28)
    return np.minimum(share(g.window("videos_completed", 28), opened), 1.0)


@feature(
    "count",
    monotone=1,
    step="unfinished_videos",
    en="Lessons left after 60 % and not finished since",
    ru="Уроков, брошенных после 60 % и не досмотренных",
    zh="看到60%以上后放弃的课程数",
)
def video_abandoned_now(g: Grid) -> np.ndarray:
    return g.total("abandoned")


@feature(
    "share",
    window=28,
    en="Share of watching that was watching again, in the last 28 days",
    ru="Доля повторного просмотра во всём просмотре, за последние 28 дней",
    zh="最近28天重看占全部观看的比例",
)
def video_rewatch_share_28d(g: Grid) -> np.ndarray:
    rewatched = g.window("rewatched", 28)
    return share(rewatched, rewatched + g.window("watched", 28))


@feature(
    "ratio",
    window=28,
    en="Playback speed of videos in the last 28 days (1 is normal)",
    ru="Скорость просмотра видео за последние 28 дней (1 — обычная)",
    zh="最近28天的视频播放速度（1为正常）",
)
def video_speed_28d(g: Grid) -> np.ndarray:
    """Mean by watched time, of the stretches whose speed is known."""
    return share(g.window("played", 28), g.window("timed_watching", 28))


@feature(
    "minutes",
    window=28,
    monotone=-1,
    en="Change in video watched, these two weeks against the two before",
    ru="Изменение просмотра видео: две недели против двух предыдущих",
    zh="视频观看时长变化（近两周与前两周相比）",
)
def video_trend(g: Grid) -> np.ndarray:
    return (g.window("watched", 14) - g.before("watched", 14, 14)) / (60 * SECOND)


@feature(
    "days",
    monotone=1,
    step="video",
    en="Days since any video was watched",
    ru="Дней с последнего видео",
    zh="距上次观看视频的天数",
)
def days_since_video(g: Grid) -> np.ndarray:
    return g.days_since("video_events")
