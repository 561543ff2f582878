"""Contacts: how often and how lately the school has written or called (signal S9)."""

from __future__ import annotations

import numpy as np

from features.catalogue.feature import Family
from features.grid import Grid

FAMILY = Family("contacts", "touches")
feature = FAMILY.feature


@feature(
    "count", window=28, en="Contacts in the last 28 days", ru="Контактов за последние 28 дней", zh="最近28天的联系次数"
)
def touches_28d(g: Grid) -> np.ndarray:
    return g.window("touches", 28)


@feature("days", en="Days since the last contact", ru="Дней с последнего контакта", zh="距上次联系的天数")
def days_since_touch(g: Grid) -> np.ndarray:
    return g.days_since("touches")


@feature(
    "share",
    window=90,
    en="Share of contacts answered in the last 90 days",
    ru="Доля контактов с ответом за последние 90 дней",
    zh="最近90天联系得到回应的比例",
)
def touches_answered_share_90d(g: Grid) -> np.ndarray:
    sent = g.window("touches", 90)
    return np.where(sent > 0, g.window("touches_answered", 90) / sent, np.nan)
