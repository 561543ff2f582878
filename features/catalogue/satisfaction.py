"""Satisfaction: how a student rates lessons, and would one recommend the school (signal S6)."""

from __future__ import annotations

import numpy as np

from features.catalogue.feature import Family, share
from features.grid import Grid
from features.panes.satisfaction import STAR

FAMILY = Family("satisfaction", "ratings", "nps")
feature = FAMILY.feature


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


@feature(
    "points",
    window=90,
    monotone=-1,
    en="Mean rating of the last 90 days (1-5)",
    ru="Средняя оценка за последние 90 дней (1–5)",
    zh="最近90天的平均评分（1-5）",
)
def mean_rating_90d(g: Grid) -> np.ndarray:
    return share(g.window("stars", 90), STAR * g.window("ratings", 90))


@feature(
    "points",
    monotone=-1,
    en="Last rating (1-5)",
    ru="Последняя оценка (1–5)",
    zh="最近一次评分（1-5）",
)
def last_rating(g: Grid) -> np.ndarray:
    return share(g.last("stars", "ratings"), STAR * g.last("ratings", "ratings"))


@feature(
    "points",
    monotone=-1,
    en="Last answer to: would you recommend us? (0-10)",
    ru="Последний ответ на вопрос «порекомендуете ли нас?» (0–10)",
    zh="最近一次推荐意愿（0-10）",
)
def last_nps(g: Grid) -> np.ndarray:
    return share(g.last("nps", "nps_answers"), STAR * g.last("nps_answers", "nps_answers"))
