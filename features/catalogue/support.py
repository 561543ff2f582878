"""Support and satisfaction: open tickets, broken promises, requests to leave, low ratings (signals S4 and S6)."""

from __future__ import annotations

import numpy as np

from features.catalogue.feature import Family
from features.grid import Grid

FAMILY = Family("support", "tickets", "ratings")
feature = FAMILY.feature


@feature("count", monotone=1, en="Support tickets open now", ru="Открытых обращений сейчас", zh="目前未解决的工单")
def tickets_open_now(g: Grid) -> np.ndarray:
    return g.total("open_change")


@feature(
    "count",
    window=28,
    en="Support tickets opened in the last 28 days",
    ru="Обращений в поддержку за последние 28 дней",
    zh="最近28天提交的工单",
)
def tickets_28d(g: Grid) -> np.ndarray:
    return g.window("opened", 28)


@feature(
    "count",
    window=90,
    monotone=1,
    en="Support answers later than promised in the last 90 days",
    ru="Ответов поддержки позже обещанного за последние 90 дней",
    zh="最近90天支持逾期答复次数",
)
def sla_breaches_90d(g: Grid) -> np.ndarray:
    return g.window("sla_breached", 90)


@feature(
    "count",
    window=30,
    monotone=1,
    en="Requests to cancel in the last 30 days",
    ru="Просьб об отмене за последние 30 дней",
    zh="最近30天的取消请求",
)
def cancel_requested_30d(g: Grid) -> np.ndarray:
    return g.window("cancel_asked", 30)


@feature(
    "count",
    window=30,
    monotone=1,
    en="Requests for a refund in the last 30 days",
    ru="Просьб о возврате денег за последние 30 дней",
    zh="最近30天的退款请求",
)
def refund_requested_30d(g: Grid) -> np.ndarray:
    return g.window("refund_asked", 30)


@feature(
    "count",
    monotone=1,
    en="Ratings below 3 stars in a row",
    ru="Оценок ниже 3 звёзд подряд",
    zh="连续低于3星的评分",
)
def ratings_below_3_in_a_row(g: Grid) -> np.ndarray:
    """Low ratings that no fair one has followed; a fair one of the same moment has."""
    return g.total("low_in_a_row")
