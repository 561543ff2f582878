"""Live classes: attendance and taking part (signal S5)."""

from __future__ import annotations

import numpy as np

from features.catalogue.feature import Family, share
from features.grid import Grid

FAMILY = Family("live", "live")
feature = FAMILY.feature


@feature(
    "share",
    window=28,
    monotone=-1,
    step="live_classes",
    en="Share of live classes attended in the last 28 days",
    ru="Доля посещённых живых занятий за последние 28 дней",
    zh="最近28天直播课出勤比例",
)
def live_attended_share_28d(g: Grid) -> np.ndarray:
    return np.minimum(share(g.window("classes_attended", 28), g.window("classes_held", 28)), 1.0)


@feature(
    "count",
    monotone=1,
    step="live_classes",
    en="Live classes missed in a row",
    ru="Пропущено живых занятий подряд",
    zh="连续缺席的直播课",
)
def live_missed_in_a_row(g: Grid) -> np.ndarray:
    """Classes held on the days after the last one that the student attended."""
    return g.since("classes_held", g.last_day("classes_attended") + 1)


@feature(
    "count",
    window=28,
    monotone=-1,
    step="taking_part",
    en="Times spoken in live classes in the last 28 days",
    ru="Выступлений на живых занятиях за последние 28 дней",
    zh="最近28天直播课发言次数",
)
def live_spoken_28d(g: Grid) -> np.ndarray:
    return g.window("spoken", 28)


@feature(
    "count",
    window=28,
    monotone=-1,
    step="taking_part",
    en="Messages in the chat of live classes in the last 28 days",
    ru="Сообщений в чате живых занятий за последние 28 дней",
    zh="最近28天直播课聊天消息数",
)
def live_written_28d(g: Grid) -> np.ndarray:
    return g.window("written", 28)
