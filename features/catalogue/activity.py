"""Activity: how often a student is there, and whether that is changing (signal S1)."""

from __future__ import annotations

import numpy as np

from features.catalogue.feature import Family
from features.grid import Grid

FAMILY = Family("activity", "activity")
feature = FAMILY.feature


@feature(
    "days",
    window=7,
    monotone=-1,
    en="Active days in the last 7 days",
    ru="Активных дней за последние 7 дней",
    zh="最近7天的活跃天数",
)
def active_days_7d(g: Grid) -> np.ndarray:
    return g.days_with("clicks", 7)


@feature(
    "days",
    window=14,
    monotone=-1,
    en="Active days in the last 14 days",
    ru="Активных дней за последние 14 дней",
    zh="最近14天的活跃天数",
)
def active_days_14d(g: Grid) -> np.ndarray:
    return g.days_with("clicks", 14)


@feature(
    "days",
    window=28,
    monotone=-1,
    en="Active days in the last 28 days",
    ru="Активных дней за последние 28 дней",
    zh="最近28天的活跃天数",
)
def active_days_28d(g: Grid) -> np.ndarray:
    return g.days_with("clicks", 28)


@feature(
    "days",
    monotone=1,
    en="Days in a row without logging in",
    ru="Дней подряд без входа",
    zh="连续未登录天数",
)
def days_without_login(g: Grid) -> np.ndarray:
    """Whole days since the last activity; before the first one, since the start."""
    silent_since = np.fmax(g.last_day("clicks"), g.facts["start_day"].to_numpy() - 1)
    return g.day - 1 - silent_since


@feature("count", window=7, en="Actions in the last 7 days", ru="Действий за последние 7 дней", zh="最近7天的操作次数")
def clicks_7d(g: Grid) -> np.ndarray:
    return g.window("clicks", 7)


@feature(
    "count", window=28, en="Actions in the last 28 days", ru="Действий за последние 28 дней", zh="最近28天的操作次数"
)
def clicks_28d(g: Grid) -> np.ndarray:
    return g.window("clicks", 28)


@feature(
    "days",
    window=28,
    monotone=-1,
    en="Change in active days, these two weeks against the two before",
    ru="Изменение числа активных дней: две недели против двух предыдущих",
    zh="活跃天数变化（近两周与前两周相比）",
)
def activity_trend(g: Grid) -> np.ndarray:
    return 2 * g.days_with("clicks", 14) - g.days_with("clicks", 28)


@feature(
    "ratio",
    window=28,
    en="Actions in the last 7 days against the own weekly habit (1 is as usual)",
    ru="Действий за 7 дней относительно своей обычной недели (1 — как обычно)",
    zh="最近7天操作次数与本人平时一周之比（1为正常）",
)
def activity_against_habit(g: Grid) -> np.ndarray:
    """Last week over the mean week from the start until then; unknown in the first week."""
    days_before = g.day - 7 - g.facts["start_day"].to_numpy()
    habit = 7 * g.between("clicks", days_before + 7, 7) / np.where(days_before > 0, days_before, np.nan)
    return np.where(habit > 0, g.window("clicks", 7) / habit, np.nan)


@feature(
    "days",
    window=28,
    monotone=1,
    en="Longest break in the last 28 days",
    ru="Самый длинный перерыв за последние 28 дней",
    zh="最近28天内最长的中断",
)
def longest_gap_28d(g: Grid) -> np.ndarray:
    return g.longest_gap("clicks", 28, g.facts["start_day"].to_numpy())


@feature(
    "count",
    window=28,
    en="Forum actions in the last 28 days",
    ru="Действий на форуме за последние 28 дней",
    zh="最近28天的论坛操作次数",
)
def forum_clicks_28d(g: Grid) -> np.ndarray:
    return g.window("forum_clicks", 28)
