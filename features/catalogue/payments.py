"""Payments: money that did not arrive, a class of churn of its own (signal S8)."""

from __future__ import annotations

import numpy as np

from features.catalogue.feature import Family
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
