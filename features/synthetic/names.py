"""The names that made students carry, each in the order in which its people write it."""

from __future__ import annotations

import numpy as np

_RUSSIAN = {
    "f": ("Анна", "Мария", "Елена", "Ольга", "Дарья", "Полина", "Алина", "Ксения", "Вера", "Юлия", "Софья", "Алиса"),
    "m": ("Иван", "Алексей", "Дмитрий", "Михаил", "Никита", "Егор", "Павел", "Артём", "Кирилл", "Роман", "Глеб", "Лев"),
}
_RUSSIAN_FAMILY = (  # the masculine form; the feminine adds "а"
    "Орлов", "Кузнецов", "Соколов", "Лебедев", "Морозов", "Волков", "Зайцев", "Павлов", "Виноградов", "Беляев",
    "Тарасов", "Белов", "Комаров", "Киселёв", "Макаров", "Андреев", "Ильин", "Гусев", "Титов", "Кузьмин",
    "Баранов", "Куликов", "Яковлев", "Сорокин", "Сергеев", "Романов", "Захаров", "Фомин", "Никитин", "Громов",
)  # fmt: skip
_CHINESE = {
    "f": ("芳", "静", "丽", "敏", "雪", "婷", "雨桐", "欣怡", "梓涵", "思远", "晓燕", "佳琪"),
    "m": ("伟", "强", "磊", "军", "洋", "杰", "浩然", "子轩", "宇航", "俊杰", "建国", "明轩"),
}
_CHINESE_FAMILY = ("王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林")
_ENGLISH = {
    "f": ("Emma", "Grace", "Olivia", "Sophie", "Hannah", "Chloe", "Lucy", "Amelia", "Zoe", "Megan"),
    "m": ("Oliver", "Jack", "Harry", "George", "Thomas", "James", "Daniel", "Samuel", "Adam", "Luke"),
}
_ENGLISH_FAMILY = (
    "Carter", "Hughes", "Walker", "Bennett", "Foster", "Ward", "Turner", "Hill", "Cooper", "Morgan",
    "Bailey", "Reed", "Parker", "Collins", "Price", "Shaw",
)  # fmt: skip


def display_name(kind: str, gender: str, rng: np.random.Generator) -> str:
    """One name.

    Args:
        kind: `russian` (given name, then the family name in the right gender), `chinese` (family name first,
            nothing between) or `english`.
        gender: `f` or `m`.
        rng: where chance comes from.
    """
    if kind == "russian":
        family = str(rng.choice(_RUSSIAN_FAMILY))
        return f"{rng.choice(_RUSSIAN[gender])} {family}{'а' if gender == 'f' else ''}"
    if kind == "chinese":
        return f"{rng.choice(_CHINESE_FAMILY)}{rng.choice(_CHINESE[gender])}"
    return f"{rng.choice(_ENGLISH[gender])} {rng.choice(_ENGLISH_FAMILY)}"
