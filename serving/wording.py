"""Words for people: the values that we store, said in English, Russian and Chinese."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from features.catalogue import FEATURES
from features.freshness import FEEDS
from features.labels import LABELS

LANGUAGES = ("en", "ru", "zh")
OWN_NAMES = {"en": "EN", "ru": "РУ", "zh": "中文"}
_PERCENT_UNITS = ("share", "ratio")  # shown as percent
_HOW_MANY = ("homework_resubmissions",)  # a ratio that is read as so many for each, not as percent


class Catalogue:
    """Texts by key, one JSON file per language.

    A text may hold ``{placeholders}``. Where a number changes the words, it is a table of plural forms
    (CLDR's `one`, `few`, `many`, `other`, and `zero` where nothing reads better than a number).

    Args:
        folder: holds ``en.json``, ``ru.json`` and ``zh.json`` with the same keys.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def texts(self) -> dict[str, dict[str, str | dict[str, str]]]:
        """Every text, by language and key."""
        return {lang: json.loads((self.folder / f"{lang}.json").read_text("utf-8")) for lang in LANGUAGES}

    def has(self, key: str, lang: str) -> bool:
        """Whether there is such a text."""
        return key in self.texts[lang]

    def say(self, key: str, lang: str, count: float | None = None, **values: object) -> str:
        """The text of a key.

        Args:
            key: its name in the catalogue.
            lang: one of `LANGUAGES`.
            count: the number that chooses the plural form, and stands for ``{n}`` unless ``values`` has an ``n``.
            values: what stands for the other placeholders.

        Raises:
            KeyError: there is no such text; a placeholder has no value.
        """
        text = self.texts[lang][key]
        if isinstance(text, dict):
            nothing = text.get("zero") if _shown(count or 0) == 0 else None
            text = nothing or text.get(plural_form(count or 0, lang)) or text["other"]
        if count is not None:
            values.setdefault("n", number_text(count, lang))
        return text.format(**values)


WORDS = Catalogue(Path(__file__).with_name("texts"))


@dataclass(frozen=True)
class ReasonWords:
    """One reason in words.

    Attributes:
        says: the fact as a short sentence.
        meaning: the name of the feature.
        value: the student's value with its unit.
        usual: what course-mates usually have; empty when not known.
        week_ago: the student's value a week ago; empty when not known.
        raises: whether it makes the student's leaving more likely.
        direction: the same in words.
        is_standing: whether the fact is the standing among course-mates itself; then there is no `usual`.
    """

    says: str
    meaning: str
    value: str
    usual: str
    week_ago: str
    raises: bool
    direction: str
    is_standing: bool


def choose_language(*wishes: str | None) -> str:
    """The first wish that can be met.

    Args:
        wishes: codes such as ``ru`` or ``zh-CN``, or whole ``Accept-Language`` headers; the most important first.

    Returns:
        One of `LANGUAGES`; English when no wish can be met.
    """
    for wish in wishes:
        for code in _by_preference(wish or ""):
            if code in LANGUAGES:
                return code
    return LANGUAGES[0]


def _by_preference(header: str) -> Iterable[str]:
    weighed: list[tuple[float, int, str]] = []
    for part in header.split(","):
        code, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight or 1)
        except ValueError:
            quality = 0.0
        if quality > 0:
            weighed.append((-quality, len(weighed), code.split("-")[0].lower()))
    return [code for _, _, code in sorted(weighed)]


def plural_form(n: float, lang: str) -> str:
    """The plural category of a number as it is shown, by the rules of Unicode's CLDR."""
    shown = abs(_shown(n))
    if lang == "zh" or shown != int(shown):
        return "other"
    if lang == "en":
        return "one" if shown == 1 else "other"
    if shown % 10 == 1 and shown % 100 != 11:
        return "one"
    return "few" if shown % 10 in (2, 3, 4) and shown % 100 not in (12, 13, 14) else "many"


def _shown(n: float) -> float:
    return round(n) if abs(n) >= 10 else round(n, 1)


def number_text(n: float, lang: str) -> str:
    """A number to one decimal below ten and none above, with the language's own signs."""
    shown = _shown(n)
    text = f"{abs(shown):,.0f}" if shown == int(shown) else f"{abs(shown):,.1f}"
    signs = {",": WORDS.say("number.group", lang), ".": WORDS.say("number.decimal", lang)}
    text = "".join(signs.get(sign, sign) for sign in text)
    return f"−{text}" if shown < 0 else text


def percent_text(share: float | None, lang: str) -> str:
    """A share of 1 as whole percent; what is not quite 0 or 1 is never shown as 0 % or 100 %."""
    share = known(share)
    if share is None:
        return WORDS.say("number.unknown", lang)
    percent = share * 100
    if 0 < percent < 0.5:
        return WORDS.say("number.less", lang, value=_percent(1, lang))
    if 99.5 <= percent < 100:
        return WORDS.say("number.more", lang, value=_percent(99, lang))
    return _percent(round(percent), lang)


def _percent(whole: int, lang: str) -> str:
    return WORDS.say("number.percent", lang, whole)


def known(value: float | None) -> float | None:
    """A stored value; None, which stands for "not known", for not-a-number too."""
    return None if value is None or math.isnan(value) else value


def value_text(feature: str, value: float | None, lang: str) -> str:
    """A feature's value with its unit, such as ``12 days`` or ``2 days early``; a feature unknown here has no unit."""
    value = known(value)
    if value is None:
        return WORDS.say("number.unknown", lang)
    unit = unit_of(feature)
    own = f"value.{feature}"
    key = own if WORDS.has(own, lang) else f"unit.{unit}"
    return _signed(key, unit, value, lang)


def unit_of(name: str) -> str:
    """The unit that a feature's value is told in; a feature unknown here is a mere number."""
    feature = FEATURES.get(name)
    return feature.unit if feature and name not in _HOW_MANY else "count"


def _signed(key: str, unit: str, number: float, lang: str, **values: object) -> str:
    """A text about a number; below zero its own wording for that is used, where there is one."""
    scale = 100 if unit in _PERCENT_UNITS else 1
    if number < 0 and _shown(scale * number) != 0 and WORDS.has(f"{key}.minus", lang):
        key, number = f"{key}.minus", -number
    if scale == 1:
        return WORDS.say(key, lang, number, **values)
    values["n"] = percent_text(number, lang)
    return WORDS.say(key, lang, round(scale * number) or number > 0, **values)


def reason_words(reason: Mapping[str, Any], lang: str) -> ReasonWords:
    """The parts of a reason in words.

    Args:
        reason: `feature`, `value`, `usual_low`, `usual`, `usual_high`, `week_ago`, `contribution`.
        lang: one of `LANGUAGES`.
    """
    name, value, week_ago = str(reason["feature"]), reason.get("value"), known(reason.get("week_ago"))
    feature, meaning = FEATURES.get(name), _meaning(name, lang)
    raises = float(reason.get("contribution") or 0) > 0
    is_standing = feature is not None and feature.ranks is not None
    return ReasonWords(
        says=_says(name, meaning, value, lang),
        meaning=meaning,
        value=value_text(name, value, lang),
        usual="" if is_standing else _usual(name, reason, lang),
        week_ago="" if week_ago is None else value_text(name, week_ago, lang),
        raises=raises,
        direction=WORDS.say("reason.raises" if raises else "reason.lowers", lang),
        is_standing=is_standing,
    )


def _meaning(name: str, lang: str) -> str:
    feature = FEATURES.get(name)
    return feature.meaning[lang] if feature else name.replace("_", " ")


def _says(name: str, meaning: str, value: float | None, lang: str) -> str:
    key = f"says.{name}"
    value = known(value)
    if value is None or not WORDS.has(key, lang):
        return WORDS.say("says.other", lang, meaning=meaning, value=value_text(name, value, lang))
    return _signed(key, unit_of(name), value, lang, value=value_text(name, value, lang))


def _usual(name: str, reason: Mapping[str, Any], lang: str) -> str:
    low, middle, high = (known(reason.get(key)) for key in ("usual_low", "usual", "usual_high"))
    if low is None or high is None:
        return "" if middle is None else value_text(name, middle, lang)
    if unit_of(name) in ("days", "count") and float(reason.get("value") or 0).is_integer():
        low, high = round(low), round(high)  # between two whole numbers of lessons there is none
    first, last = value_text(name, low, lang), value_text(name, high, lang)
    if first == last:
        return last
    if low < 0 or WORDS.has(f"value.{name}", lang):
        return WORDS.say("number.range_words", lang, low=first, high=last)
    start = round(low * 100) if unit_of(name) in _PERCENT_UNITS else low
    return WORDS.say("number.range", lang, low=number_text(start, lang), high=last)


def reason_text(reason: Mapping[str, Any], lang: str) -> str:
    """A reason as one line: the fact, what is usual among course-mates, and the value of a week ago."""
    words = reason_words(reason, lang)
    parts = [words.says]
    if words.usual:
        parts.append(WORDS.say("reason.usual", lang, usual=words.usual))
    if words.week_ago:
        parts.append(WORDS.say("reason.week_ago", lang, week_ago=words.week_ago))
    return WORDS.say("reason.join", lang).join(parts)


def what_if_text(what_if: Mapping[str, Any], risk: float, lang: str) -> str:
    """What the model would say if one thing were as is usual, beside what it says; no promise.

    Args:
        what_if: `feature`, `to` and `risk`, as `model.what_if.WhatIf` has them.
        risk: what the model says, 0-1.
        lang: one of `LANGUAGES`.
    """
    name, goal = str(what_if["feature"]), float(what_if["to"])
    key, value = f"if.{name}", value_text(name, goal, lang)
    if WORDS.has(key, lang):
        step = _signed(key, unit_of(name), goal, lang, value=value)
    else:
        step = WORDS.say("if.other", lang, meaning=_meaning(name, lang), value=value)
    then, now = (percent_text(share, lang) for share in (what_if["risk"], risk))
    if then == now:
        then, now = (WORDS.say("number.percent", lang, 100 * share) for share in (what_if["risk"], risk))
    return WORDS.say("what_if", lang, step=step, then=then, now=now)


def family_name(family: str, lang: str) -> str:
    """A family of features in words; one that is not known here keeps its name."""
    key = f"family.{family}"
    return WORDS.say(key, lang) if WORDS.has(key, lang) else family.replace("_", " ")


def label_text(label: str, horizon_days: int, lang: str) -> str:
    """What a risk is the chance of, such as ``chance of withdrawing within 28 days``."""
    definition = LABELS.get(label)
    if definition and definition.horizon_days == horizon_days:
        return definition.words[lang]
    name = re.sub(r"_\d+d$", "", label).replace("_", " ")
    return WORDS.say("label.other", lang, horizon_days, name=name)


def band_name(band: str | None, lang: str) -> str:
    """A band's name; None is "not enough data"."""
    return WORDS.say(f"band.{band or 'none'}", lang)


def feed_names(tables: Iterable[str], lang: str) -> str:
    """Tables as people call them, such as ``video and ratings``."""
    names = [FEEDS[table][lang] if table in FEEDS else table for table in tables]
    if len(names) < 2:
        return "".join(names)
    return WORDS.say("stale.and", lang, first=WORDS.say("stale.comma", lang).join(names[:-1]), last=names[-1])


def stale_texts(stale: Iterable[Mapping[str, Any]], lang: str) -> list[str]:
    """What has stopped delivering and since when, a sentence for each last day, the newest first.

    Args:
        stale: `table`, `last_day` and `age_days` of each; see `features.freshness.Stale`.
        lang: one of `LANGUAGES`.
    """
    stopped: dict[tuple[int, str], list[str]] = {}
    for one in stale:
        stopped.setdefault((int(one["age_days"]), str(one["last_day"])), []).append(str(one["table"]))
    return [
        WORDS.say("stale", lang, age, what=feed_names(tables, lang), last=_weekday_text(last, lang))
        for (age, last), tables in sorted(stopped.items())
    ]


def _weekday_text(day: str, lang: str) -> str:
    return date_text(date.fromisoformat(day), lang, weekday=True)


def date_text(day: date, lang: str, *, weekday: bool = False) -> str:
    """A date as people write it, with or without the day of the week."""
    text = WORDS.say("date.full", lang, day=day.day, month=WORDS.say(f"month.{day.month}", lang), year=day.year)
    if not weekday:
        return text
    return WORDS.say("date.weekday", lang, weekday=WORDS.say(f"weekday.{day.isoweekday()}", lang), date=text)


def moment_text(moment: datetime, lang: str, zone: str, *, today: date | None = None) -> str:
    """A moment on the clock of a zone: the time alone on ``today``, the date too on other days."""
    local = moment.astimezone(ZoneInfo(zone))
    time = f"{local:%H:%M}"
    if local.date() == today:
        return time
    if today is None or local.year != today.year:
        return WORDS.say("date.moment", lang, date=date_text(local.date(), lang), time=time)
    day = WORDS.say("date.day", lang, day=local.day, month=WORDS.say(f"month.{local.month}", lang))
    return WORDS.say("date.moment", lang, date=day, time=time)


def age_text(age: timedelta, lang: str) -> str:
    """How long ago something was, in its largest whole unit."""
    minutes = int(age.total_seconds() // 60)
    for unit, size in (("days", 24 * 60), ("hours", 60), ("minutes", 1)):
        if minutes >= size and not (unit == "days" and minutes < 2 * size):
            return WORDS.say(f"age.{unit}", lang, minutes // size)
    return WORDS.say("age.now", lang)
