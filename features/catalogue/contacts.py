"""Contacts: how often and how lately the school has written or called, and whether that reached the student (S9)."""

from __future__ import annotations

import numpy as np

from features.catalogue.feature import Family, share
from features.grid import Grid

FAMILY = Family("contacts", "touches")
feature = FAMILY.feature


@feature(
    "count", window=7, en="Contacts in the last 7 days", ru="Контактов за последние 7 дней", zh="最近7天的联系次数"
)
def touches_7d(g: Grid) -> np.ndarray:
    return g.window("touches", 7)


@feature(
    "count", window=28, en="Contacts in the last 28 days", ru="Контактов за последние 28 дней", zh="最近28天的联系次数"
)
def touches_28d(g: Grid) -> np.ndarray:
    return g.window("touches", 28)


@feature("count", window=28, en="Calls in the last 28 days", ru="Звонков за последние 28 дней", zh="最近28天的电话次数")
def calls_28d(g: Grid) -> np.ndarray:
    return g.window("calls", 28)


@feature("days", en="Days since the last contact", ru="Дней с последнего контакта", zh="距上次联系的天数")
def days_since_touch(g: Grid) -> np.ndarray:
    return g.days_since("touches")


@feature(
    "days",
    en="Days since a person last got in touch",
    ru="Дней с последнего личного контакта",
    zh="距上次人工联系的天数",
)
def days_since_personal_contact(g: Grid) -> np.ndarray:
    """A call, or any contact that somebody's login stands beside."""
    return g.days_since("personal")


@feature(
    "share",
    window=90,
    monotone=-1,
    en="Share of contacts opened in the last 90 days",
    ru="Доля открытых сообщений за последние 90 дней",
    zh="最近90天联系被打开的比例",
)
def touches_opened_share_90d(g: Grid) -> np.ndarray:
    return share(g.window("touches_opened", 90), g.window("touches", 90))


@feature(
    "share",
    window=90,
    en="Share of contacts answered in the last 90 days",
    ru="Доля контактов с ответом за последние 90 дней",
    zh="最近90天联系得到回应的比例",
)
def touches_answered_share_90d(g: Grid) -> np.ndarray:
    return share(g.window("touches_answered", 90), g.window("touches", 90))


@feature(
    "count",
    monotone=1,
    en="Contacts without an answer in a row",
    ru="Контактов без ответа подряд",
    zh="连续未得到回应的联系次数",
)
def touches_unanswered_in_a_row(g: Grid) -> np.ndarray:
    """Contacts on the days after the last one that was answered."""
    return g.since("touches", g.last_day("touches_answered") + 1)
