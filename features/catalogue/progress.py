"""Progress: how far the student is, against the plan and the calendar (signal S7)."""

from __future__ import annotations

import numpy as np

from features.catalogue.feature import Family, share
from features.enrolments import NO_DAY
from features.grid import Grid

FAMILY = Family("progress", "enrolments", "courses", "activity", "assignments")
feature = FAMILY.feature


def _elapsed(g: Grid) -> np.ndarray:
    start, end = g.facts["start_day"], g.facts["end_day"]
    return np.where(end == NO_DAY, np.nan, (g.day - start) / np.maximum(end - start, 1))


def _done(g: Grid) -> np.ndarray:
    """Share of the lessons, or where a course counts none, of all its homework that has a deadline."""
    lessons, tasks = g.facts["lessons"], g.ever("due")
    by_tasks = share(g.total("done"), tasks)
    return np.minimum(np.where(np.isnan(lessons), by_tasks, g.total("lessons_done") / lessons), 1.0)


@feature("share", monotone=-1, en="Share of the course done", ru="Доля пройденного курса", zh="课程完成比例")
def progress_share(g: Grid) -> np.ndarray:
    return _done(g)


@feature(
    "share",
    monotone=1,
    en="Behind the plan by this share of the course",
    ru="Отставание от плана, доля курса",
    zh="落后计划的课程比例",
)
def progress_gap(g: Grid) -> np.ndarray:
    """Planned minus done; the plan is the calendar where lessons count, and the homework due by now elsewhere."""
    tasks = g.ever("due")
    by_tasks = share(g.total("due"), tasks)
    plan = np.where(np.isnan(g.facts["lessons"]), by_tasks, _elapsed(g))
    return plan - _done(g)


@feature(
    "share",
    en="Share of the course time gone by",
    ru="Доля прошедшего времени курса",
    zh="课程时间已过比例",
    is_reason=False,
)
def course_elapsed_share(g: Grid) -> np.ndarray:
    return _elapsed(g)


@feature("days", en="Days to the end of the course", ru="Дней до конца курса", zh="距课程结束的天数", is_reason=False)
def days_to_end(g: Grid) -> np.ndarray:
    end = g.facts["end_day"]
    return np.where(end == NO_DAY, np.nan, end - g.day)


@feature(
    "days", en="Days since the student started", ru="Дней с начала обучения", zh="开始学习以来的天数", is_reason=False
)
def days_since_start(g: Grid) -> np.ndarray:
    return (g.day - g.facts["start_day"]).astype("float64")


@feature(
    "days",
    en="Days the student enrolled ahead of the start",
    ru="За сколько дней до начала студент записался",
    zh="提前报名的天数",
    is_reason=False,
)
def enrolled_ahead_days(g: Grid) -> np.ndarray:
    return (g.facts["start_day"] - g.facts["enrolled_day"]).astype("float64")


@feature("count", en="Earlier attempts at this course", ru="Прошлых попыток пройти курс", zh="此前修读本课程的次数")
def prior_attempts(g: Grid) -> np.ndarray:
    return g.facts["prior_attempts"]


@feature(
    "points", en="Credits studied at the same time", ru="Учебная нагрузка, кредитов", zh="同期学习学分", is_reason=False
)
def study_load(g: Grid) -> np.ndarray:
    return g.facts["study_load"]


@feature(
    "count",
    window=14,
    monotone=-1,
    step="lessons",
    en="Lessons done in the last 14 days",
    ru="Уроков пройдено за последние 14 дней",
    zh="最近14天完成的课程数",
)
def lessons_done_14d(g: Grid) -> np.ndarray:
    return g.window("lessons_done", 14)


@feature(
    "days",
    monotone=1,
    step="lessons",
    en="Active days without finishing a lesson: stuck",
    ru="Активных дней без пройденного урока: застрял",
    zh="学习但未完成课程的天数（卡住）",
)
def stuck_active_days(g: Grid) -> np.ndarray:
    """Active days after the last lesson was done, or since the start; unknown where nobody counts lessons."""
    since = np.fmax(g.last_day("lessons_done") + 1, g.facts["start_day"])
    stuck = np.where(g.total("lessons_done") < g.facts["lessons"], g.days_with_since("clicks", since), 0.0)
    return np.where(np.isnan(g.facts["lessons"]), np.nan, stuck)


@feature(
    "hours",
    en="Hours of the course left to do",
    ru="Осталось часов курса",
    zh="课程剩余学时",
    is_reason=False,
)
def hours_left(g: Grid) -> np.ndarray:
    return g.facts["hours"] * (1 - _done(g))
