"""Profile: who a student is (signal S10); off unless the school lists the values that it wants to use."""

from __future__ import annotations

import numpy as np

from features.catalogue.feature import Family, Feature, Fold
from features.grid import Grid
from features.profile import ATTRIBUTES

_WORDS = {
    "acquisition_channel": ("Acquisition channel", "Канал привлечения", "来源渠道"),
    "gender": ("Gender", "Пол", "性别"),
    "age_band": ("Age band", "Возрастная группа", "年龄段"),
    "region": ("Region", "Регион", "地区"),
    "disability": ("Disability", "Инвалидность", "残障情况"),
}
FAMILY = Family("profile", "students")


def _fold(attribute: str) -> Fold:
    def place(g: Grid) -> np.ndarray:
        return g.facts[attribute]

    return place


FAMILY.features += [
    Feature(
        name=f"profile_{attribute}",
        family=FAMILY.name,
        unit="count",
        window_days=None,
        meaning={
            "en": f"{_WORDS[attribute][0]}, by its place in the school's list",
            "ru": f"{_WORDS[attribute][1]}: место в списке школы",
            "zh": f"{_WORDS[attribute][2]}（在学校列表中的序号）",
        },
        fold=_fold(attribute),
        tables=FAMILY.tables,
        is_reason=False,
        sensitive=True,
    )
    for attribute in ATTRIBUTES
]
