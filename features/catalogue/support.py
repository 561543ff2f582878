"""Support: open tickets, how fast the school answered, broken promises, requests to leave (signal S4)."""

from __future__ import annotations

import numpy as np

from features.catalogue.feature import Family, share
from features.grid import Grid
from features.panes.tickets import HOUR, STAR

FAMILY = Family("support", "tickets")
feature = FAMILY.feature


@feature(
    "count",
    monotone=1,
    step="tickets",
    en="Support tickets open now",
    ru="Открытых обращений сейчас",
    zh="目前未解决的工单",
)
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
    return g.window("respond_by_broken", 90) + g.window("resolve_by_broken", 90)


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
    step="tickets",
    en="Urgent support tickets open now (P1, P2)",
    ru="Открытых срочных обращений (P1, P2)",
    zh="目前未解决的紧急工单（P1、P2）",
)
def tickets_urgent_now(g: Grid) -> np.ndarray:
    return g.total("urgent_change")


@feature(
    "count",
    monotone=1,
    step="tickets",
    en="Tickets of a mass incident open now (P1)",
    ru="Открытых обращений о массовом сбое (P1)",
    zh="目前未解决的大规模故障工单（P1）",
)
def tickets_p1_now(g: Grid) -> np.ndarray:
    return g.total("mass_change")


@feature(
    "count",
    monotone=1,
    step="tickets",
    en="Tickets about payment open now",
    ru="Открытых обращений об оплате",
    zh="目前未解决的支付工单",
)
def tickets_payment_now(g: Grid) -> np.ndarray:
    return g.total("payment_change")


@feature(
    "count",
    monotone=1,
    step="tickets",
    en="Tickets about access or faults open now",
    ru="Открытых обращений о доступе и неполадках",
    zh="目前未解决的访问或故障工单",
)
def tickets_technical_now(g: Grid) -> np.ndarray:
    return g.total("technical_change")


@feature(
    "count",
    window=90,
    monotone=1,
    en="Times that tickets were opened again in the last 90 days",
    ru="Повторных открытий обращений за последние 90 дней",
    zh="最近90天工单重新打开的次数",
)
def tickets_reopened_90d(g: Grid) -> np.ndarray:
    return g.window("reopened", 90)


@feature(
    "hours",
    window=90,
    monotone=1,
    en="Working hours to the first answer, mean of the last 90 days",
    ru="Рабочих часов до первого ответа, в среднем за 90 дней",
    zh="最近90天首次答复的平均工作小时",
)
def first_response_hours_90d(g: Grid) -> np.ndarray:
    return share(g.window("response_hours", 90), HOUR * g.window("responded", 90))


@feature(
    "hours",
    window=90,
    monotone=1,
    en="Working hours to the solution, mean of the last 90 days",
    ru="Рабочих часов до решения, в среднем за 90 дней",
    zh="最近90天解决问题的平均工作小时",
)
def resolution_hours_90d(g: Grid) -> np.ndarray:
    return share(g.window("resolution_hours", 90), HOUR * g.window("resolved", 90))


@feature(
    "points",
    monotone=-1,
    en="Last rating of the support (1-5)",
    ru="Последняя оценка поддержки (1–5)",
    zh="最近一次对支持服务的评分（1-5）",
)
def last_csat(g: Grid) -> np.ndarray:
    return share(g.last("csat", "rated"), STAR * g.last("rated", "rated"))


@feature(
    "days", en="Days since the last ticket was opened", ru="Дней с последнего обращения", zh="距上次提交工单的天数"
)
def days_since_ticket(g: Grid) -> np.ndarray:
    return g.days_since("opened")
