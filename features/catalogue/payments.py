"""Payments: money that did not arrive, a class of churn of its own, and what a student pays (signal S8)."""

from __future__ import annotations

import numpy as np

from features.catalogue.feature import Family, share
from features.grid import Grid

FAMILY = Family("payments", "payments")
feature = FAMILY.feature


@feature(
    "count",
    window=30,
    monotone=1,
    en="Payments that failed in the last 30 days",
    ru="Неудачных платежей за последние 30 дней",
    zh="最近30天支付失败次数",
)
def payment_failures_30d(g: Grid) -> np.ndarray:
    return g.window("payments_failed", 30)


@feature(
    "count",
    monotone=1,
    step="payment",
    en="Failed payments that none has mended since",
    ru="Неудачных платежей, после которых оплаты не было",
    zh="失败后尚未补缴的支付次数",
)
def payments_failed_now(g: Grid) -> np.ndarray:
    """Failures on the days after the last payment that was made."""
    return g.since("payments_failed", g.last_day("payments_made") + 1)


@feature(
    "days",
    en="Days until the card expires (below 0: it has)",
    ru="Дней до окончания действия карты (меньше 0 — истекла)",
    zh="距银行卡到期的天数（小于0为已过期）",
)
def card_expires_in_days(g: Grid) -> np.ndarray:
    """Below 0 when it has expired and nothing was paid since; unknown when no expiry is known."""
    ahead, expired = g.ahead("cards_expiring"), g.last_day("cards_expiring")
    past = np.where(np.fmax(g.last_day("payments_made"), -np.inf) > expired, np.nan, expired - g.day)
    return np.where(np.isnan(ahead), past, ahead)


@feature("days", en="Days since the last payment", ru="Дней с последнего платежа", zh="距上次付款的天数")
def days_since_payment(g: Grid) -> np.ndarray:
    return g.days_since("payments_made")


@feature("count", monotone=-1, en="Renewals so far", ru="Продлений за всё время", zh="累计续费次数")
def renewals(g: Grid) -> np.ndarray:
    return g.total("renewed")


@feature(
    "share",
    en="Share of the list price taken off so far",
    ru="Доля скидки от полной цены за всё время",
    zh="累计折扣占原价的比例",
)
def discount_share(g: Grid) -> np.ndarray:
    discount = g.total("discount")
    return share(discount, discount + g.total("paid_amount"))
