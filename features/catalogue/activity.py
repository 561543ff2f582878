"""Activity: how often a student is there, how regularly, and whether that is changing (signal S1)."""

from __future__ import annotations

import numpy as np

from features.catalogue.feature import Family, share
from features.grid import Grid
from features.panes.activity import SEEN_QUARTERS, SEEN_RESOURCES

FAMILY = Family("activity", "activity")
feature = FAMILY.feature
_BREAK = 3  # days of silence that are a break


@feature(
    "days",
    window=7,
    monotone=-1,
    step="active_days",
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
    step="active_days",
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
    step="active_days",
    en="Active days in the last 28 days",
    ru="Активных дней за последние 28 дней",
    zh="最近28天的活跃天数",
)
def active_days_28d(g: Grid) -> np.ndarray:
    return g.days_with("clicks", 28)


@feature(
    "share",
    monotone=-1,
    en="Share of days active since the start",
    ru="Доля активных дней с начала обучения",
    zh="开始学习以来的活跃天数比例",
)
def active_days_share(g: Grid) -> np.ndarray:
    start = g.facts["start_day"]
    return share(g.days_with_since("clicks", start), g.day - start)


@feature(
    "days",
    monotone=1,
    step="login",
    en="Days in a row without logging in",
    ru="Дней подряд без входа",
    zh="连续未登录天数",
)
def days_without_login(g: Grid) -> np.ndarray:
    """Whole days since the last activity; before the first one, since the start."""
    silent_since = np.fmax(g.last_day("clicks"), g.facts["start_day"] - 1)
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
    "days",
    window=56,
    en="Active days gained or lost a week, over the last 8 weeks",
    ru="На сколько активных дней в неделю больше или меньше, за 8 недель",
    zh="最近8周每周活跃天数的增减",
)
def activity_slope_56d(g: Grid) -> np.ndarray:
    """Least-squares slope of the active days of 8 weeks; unknown before the 8th week is over."""
    # The sum of (week - 3.5) x its days, summed by parts: whole weeks back from now, less the half of what all 8 have.
    sums = [g.days_with("clicks", 7 * weeks) for weeks in range(1, 9)]
    slope = (sum(sums[:-1]) - 3.5 * sums[-1]) / 42
    return np.where(g.day - g.facts["start_day"] >= 56, slope, np.nan)


@feature(
    "ratio",
    en="Actions in the last 7 days against the own weekly habit (1 is as usual)",
    ru="Действий за 7 дней относительно своей обычной недели (1 — как обычно)",
    zh="最近7天操作次数与本人平时一周之比（1为正常）",
)
def activity_against_habit(g: Grid) -> np.ndarray:
    """Last week over the mean week from the start until then; unknown in the first week."""
    start = g.facts["start_day"]
    habit = 7 * share(g.between("clicks", start, g.day - 7), g.day - 7 - start)
    return share(g.window("clicks", 7), habit)


@feature(
    "days",
    window=28,
    monotone=1,
    en="Longest break in the last 28 days",
    ru="Самый длинный перерыв за последние 28 дней",
    zh="最近28天内最长的中断",
)
def longest_gap_28d(g: Grid) -> np.ndarray:
    return _silence(g, 28).max(axis=0).astype("float64")


@feature(
    "count",
    window=28,
    monotone=1,
    en="Breaks of 3 days or more in the last 28 days",
    ru="Перерывов от 3 дней за последние 28 дней",
    zh="最近28天内3天以上的中断次数",
)
def breaks_28d(g: Grid) -> np.ndarray:
    return (_silence(g, 28) == _BREAK).sum(axis=0).astype("float64")


def _silence(g: Grid, days: int) -> np.ndarray:
    """(days, n) how many days in a row have been silent by the end of each, within the window and since the start."""
    column = np.arange(days)[:, None]
    stops = np.where((g.daily("clicks", days) > 0) | (column < g.facts["start_day"] - (g.day - days)), column, -1)
    return column - np.maximum.accumulate(stops, axis=0)


@feature(
    "share",
    window=28,
    en="How much the same weekdays come back, over 4 weeks (1 is always)",
    ru="Насколько повторяются одни и те же дни недели, за 4 недели (1 — всегда)",
    zh="4周内学习日是否固定（1为完全固定）",
)
def weekday_regularity_28d(g: Grid) -> np.ndarray:
    """Share of the other whole weeks in which an active weekday is active again; unknown before there are 2 of each."""
    weeks = np.minimum(np.maximum((g.day - g.facts["start_day"]) // 7, 0), 4)
    whole = np.arange(28)[:, None] >= 28 - 7 * weeks
    days = ((g.daily("clicks", 28) > 0) & whole).reshape(4, 7, -1).sum(axis=0)
    total = days.sum(axis=0)
    return np.where(total > 1, share((days * (days - 1)).sum(axis=0), (weeks - 1) * total), np.nan)


@feature(
    "share",
    window=28,
    en="Share of active days with the usual quarter of the day in them, over 28 days",
    ru="Доля активных дней с занятиями в привычную четверть суток, за 28 дней",
    zh="最近28天在惯常时段学习的活跃天数比例",
)
def hour_regularity_28d(g: Grid) -> np.ndarray:
    """The largest of the shares of active days with activity at night, in the morning, afternoon and evening."""
    seen = g.flags("seen", 28)
    days = ((seen & np.array(SEEN_QUARTERS)[:, None, None]) > 0).sum(axis=1)
    return share(days.max(axis=0), (seen > 0).sum(axis=0))


@feature(
    "count",
    window=28,
    monotone=-1,
    step="materials",
    en="Kinds of materials used in the last 28 days",
    ru="Видов материалов, использованных за 28 дней",
    zh="最近28天使用的资料种类",
)
def resource_kinds_28d(g: Grid) -> np.ndarray:
    """Of content, lessons, forum, quizzes, homework and live classes."""
    seen = np.bitwise_or.reduce(g.flags("seen", 28), axis=0)
    return np.bitwise_count(seen & sum(SEEN_RESOURCES)).astype("float64")


@feature(
    "days",
    monotone=-1,
    en="Active days in the first week",
    ru="Активных дней в первую неделю",
    zh="第一周的活跃天数",
)
def first_week_active_days(g: Grid) -> np.ndarray:
    """Unknown until the week is over."""
    start = g.facts["start_day"]
    days = g.days_with_since("clicks", start) - g.days_with_since("clicks", start + 7)
    return np.where(g.day >= start + 7, days, np.nan)


@feature("count", en="Actions in the first week", ru="Действий в первую неделю", zh="第一周的操作次数")
def first_week_clicks(g: Grid) -> np.ndarray:
    """Unknown until the week is over."""
    start = g.facts["start_day"]
    return np.where(g.day >= start + 7, g.between("clicks", start, start + 7), np.nan)


@feature(
    "count",
    window=28,
    en="Forum actions in the last 28 days",
    ru="Действий на форуме за последние 28 дней",
    zh="最近28天的论坛操作次数",
)
def forum_clicks_28d(g: Grid) -> np.ndarray:
    return g.window("forum_clicks", 28)


@feature(
    "count",
    window=28,
    en="Quiz actions in the last 28 days",
    ru="Действий в тестах за последние 28 дней",
    zh="最近28天的测验操作次数",
)
def quiz_clicks_28d(g: Grid) -> np.ndarray:
    return g.window("quiz_clicks", 28)
