"""Homework: what was handed in, how late, what is overdue and how it was marked (signal S2)."""

from __future__ import annotations

import numpy as np

from features.catalogue.feature import Family, share
from features.grid import Grid
from features.panes.homework import POINT

FAMILY = Family("homework", "assignments", "submissions")
feature = FAMILY.feature


@feature(
    "share",
    monotone=-1,
    step="homework",
    en="Share of the homework due so far that was handed in",
    ru="Доля сданных домашних заданий из тех, чей срок наступил",
    zh="已到期作业的提交比例",
)
def homework_submitted_share(g: Grid) -> np.ndarray:
    return share(g.total("closed"), g.total("due"))


@feature(
    "count",
    monotone=1,
    step="homework",
    en="Homework overdue now",
    ru="Просрочено домашних заданий сейчас",
    zh="目前逾期未交的作业",
)
def homework_overdue_now(g: Grid) -> np.ndarray:
    return g.total("due") - g.total("closed")


@feature(
    "share",
    monotone=1,
    en="Share of homework handed in late",
    ru="Доля домашних заданий, сданных с опозданием",
    zh="迟交作业的比例",
)
def homework_late_share(g: Grid) -> np.ndarray:
    return share(g.total("late"), g.total("timed"))


@feature(
    "days",
    en="Mean delay of homework (below 0 is early)",
    ru="Средняя задержка сдачи (меньше 0 — раньше срока)",
    zh="作业平均延迟（小于0为提前）",
)
def homework_mean_delay(g: Grid) -> np.ndarray:
    return share(g.total("delay"), g.total("timed"))


@feature(
    "days",
    en="Delay of the last homework (below 0 is early)",
    ru="Задержка последней сдачи (меньше 0 — раньше срока)",
    zh="最近一次作业的延迟（小于0为提前）",
)
def homework_last_delay(g: Grid) -> np.ndarray:
    return share(g.last("delay", "timed"), g.last("timed", "timed"))


@feature(
    "points",
    monotone=-1,
    en="Mean homework score",
    ru="Средний балл за домашние задания",
    zh="作业平均分",
)
def homework_mean_score(g: Grid) -> np.ndarray:
    return share(g.total("score"), POINT * g.total("scored"))


@feature(
    "points", monotone=-1, en="Last homework score", ru="Последний балл за домашнее задание", zh="最近一次作业得分"
)
def homework_last_score(g: Grid) -> np.ndarray:
    return share(g.last("score", "scored"), POINT * g.last("scored", "scored"))


@feature(
    "days",
    en="Days since homework was last handed in",
    ru="Дней с последней сдачи домашнего задания",
    zh="距上次提交作业的天数",
)
def days_since_submission(g: Grid) -> np.ndarray:
    return g.days_since("submitted")


@feature(
    "days",
    en="Days to the next homework deadline",
    ru="Дней до следующего срока сдачи",
    zh="距下一次作业截止的天数",
    is_reason=False,
)
def next_deadline_days(g: Grid) -> np.ndarray:
    return g.ahead("due")


@feature(
    "points",
    monotone=-1,
    en="Last homework score against the own mean",
    ru="Последний балл относительно своего среднего",
    zh="最近一次作业得分与本人平均分之差",
)
def homework_score_change(g: Grid) -> np.ndarray:
    return homework_last_score(g) - homework_mean_score(g)


@feature(
    "share",
    monotone=-1,
    en="Share of homework handed in a day early or more",
    ru="Доля домашних заданий, сданных хотя бы за день до срока",
    zh="提前一天以上提交的作业比例",
)
def homework_early_share(g: Grid) -> np.ndarray:
    return share(g.total("early"), g.total("timed"))


@feature(
    "ratio",
    en="Resubmissions for each piece of homework",
    ru="Пересдач на одно домашнее задание",
    zh="每份作业的重新提交次数",
)
def homework_resubmissions(g: Grid) -> np.ndarray:
    tried = g.total("tried")
    return share(g.total("submitted") - tried, tried)


@feature(
    "count",
    window=28,
    monotone=-1,
    step="homework",
    en="Submissions of homework in the last 28 days",
    ru="Сдач домашних заданий за последние 28 дней",
    zh="最近28天提交作业的次数",
)
def homework_submitted_28d(g: Grid) -> np.ndarray:
    return g.window("submitted", 28)
