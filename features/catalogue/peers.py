"""Peers: where a student stands among course-mates at the same point of the course (signals S1, S2, S3, S7)."""

from __future__ import annotations

from features.catalogue import activity, homework, progress, video
from features.catalogue.feature import Feature

_COMPARED = {
    "active_days_14d": ("Active days", "Активных дней", "活跃天数"),
    "days_without_login": ("Days without logging in", "Дней без входа", "未登录天数"),
    "clicks_28d": ("Actions in 28 days", "Действий за 28 дней", "28天操作次数"),
    "resource_kinds_28d": ("Kinds of materials used", "Видов материалов", "使用的资料种类"),
    "homework_submitted_share": ("Homework handed in", "Сданных домашних заданий", "已提交作业"),
    "homework_mean_score": ("Mean homework score", "Средний балл", "作业平均分"),
    "video_watched_minutes_28d": ("Video watched", "Просмотрено видео", "观看视频时长"),
    "progress_share": ("Progress", "Прогресс", "学习进度"),
}
_FEATURES = {
    feature.name: feature for room in (activity, homework, video, progress) for feature in room.FAMILY.features
}


def _rank(of: Feature, en: str, ru: str, zh: str) -> Feature:
    return Feature(
        name=f"{of.name}_rank",
        family="peers",
        unit="share",
        window_days=of.window_days,
        meaning={
            "en": f"{en}: share of course-mates below",
            "ru": f"{ru}: доля однокурсников с меньшим значением",
            "zh": f"{zh}：低于该生的同学比例",
        },
        fold=None,
        tables=of.tables,
        monotone=of.monotone,
        ranks=of.name,
        step=of.step,
    )


FEATURES = [_rank(_FEATURES[name], *words) for name, words in _COMPARED.items()]
