"""The shadow: compared with the champion on the very rows of the night, and never able to harm it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.catalogue import FEATURES
from features.config import School
from features.errors import BadInput
from handrail import journeys
from model import bundle, served
from model.bundle import Bundle
from model.calibration import Calibration
from serving import shadow
from serving.score import Scored, band_limits

LABEL = "withdrawal_28d"


@pytest.fixture(scope="module")
def champion(made_home) -> Bundle:
    """The school's champion with a plain calibration, whose answers can be reckoned by hand."""
    return calibrated(bundle.load(served.served_bundle(made_home.settings.home, LABEL)), 1.0, 0.0)


@pytest.fixture(scope="module")
def night(champion: Bundle) -> list[Scored]:
    """What the champion says of made-up enrolments; of the first there is not enough data."""
    rows, limits = champion.golden["rows"], band_limits(champion, {"high": 0.1, "medium": 0.3})
    found = [Scored("young", "young", "course", "not_enough_data", values=dict.fromkeys(FEATURES))]
    for at, (row, risk) in enumerate(zip(rows.tolist(), champion.score(rows).tolist(), strict=True)):
        known = {name: None if np.isnan(value) else value for name, value in zip(champion.features, row, strict=True)}
        band = next((name for name, limit in limits.items() if risk >= limit), "low")
        values = {**dict.fromkeys(FEATURES), **known}
        found.append(Scored(f"e{at}", f"s{at}", "course", "scored", risk=risk, band=band, values=values))
    return found


def calibrated(model: Bundle, slope: float, intercept: float) -> Bundle:
    line = Calibration("line", (slope, intercept))
    return replace(model, model=replace(model.model, calibration=line), version=f"line {slope} {intercept}")


def test_a_model_beside_itself_agrees_to_the_last_digit(champion: Bundle, night: list[Scored], made_home) -> None:
    found = shadow.compare(night, champion, champion, made_home.school)
    assert found.enrolments == len(night) - 1
    assert found.rank_correlation == pytest.approx(1.0)
    assert (found.top_share, found.top_shared) == (0.1, 1.0)
    assert (found.mean_difference, found.band_changes, found.most_different) == (0.0, 0, ())


def test_a_shadow_of_the_same_order_differs_in_size_alone(champion: Bundle, night: list[Scored], made_home) -> None:
    other = calibrated(champion, 1.0, 2.0)
    found = shadow.compare(night, champion, other, made_home.school)
    own, theirs = (one.score(champion.golden["rows"]) for one in (champion, other))
    assert found.rank_correlation == pytest.approx(1.0)
    assert found.top_shared == 1.0
    assert found.mean_difference == found.higher == pytest.approx((theirs - own).mean())
    limits = band_limits(champion, {"high": 0.1, "medium": 0.3})
    assert found.band_changes == sum(
        (a >= limits["high"], a >= limits["medium"]) != (b >= limits["high"], b >= limits["medium"])
        for a, b in zip(own, theirs, strict=True)
    )
    assert found.band_changes > 0
    first, *_, last = found.most_different
    assert len(found.most_different) == 10
    assert first.shadow_risk - first.risk == pytest.approx((theirs - own).max())
    assert last.shadow_risk - last.risk == pytest.approx(np.sort(theirs - own)[-10])
    assert (found.model_version, json.loads(json.dumps(found.as_dict()))["enrolments"]) == ("line 1.0 2.0", len(own))


def test_the_opposite_order_shares_no_top(champion: Bundle, night: list[Scored], made_home) -> None:
    turned = [replace(one, risk=None if one.risk is None else 1 - one.risk) for one in night]
    found = shadow.compare(turned, champion, champion, made_home.school)
    assert found.rank_correlation == pytest.approx(-1.0)
    assert found.top_shared == 0.0


def test_risks_that_are_all_the_same_have_no_order(champion: Bundle, night: list[Scored], made_home) -> None:
    found = shadow.compare(night, champion, calibrated(champion, 0.0, -3.0), made_home.school)
    assert found.rank_correlation is None
    assert "rank correlation unknown" in shadow.words(found.as_dict())[0]


def test_a_shadow_that_needs_more_or_has_nobody_to_score_is_told(
    champion: Bundle, night: list[Scored], made_home
) -> None:
    gone = [replace(one, values={}) for one in night]
    with pytest.raises(BadInput, match="features that are not made any more"):
        shadow.compare(gone, champion, champion, made_home.school)
    with pytest.raises(BadInput, match="no enrolment of this night has a risk"):
        shadow.compare(night[:1], champion, champion, made_home.school)


def test_without_a_shadow_nothing_is_said(champion: Bundle, night: list[Scored], tmp_path: Path) -> None:
    assert shadow.beside(School(tmp_path), LABEL, champion, night) is None


@pytest.mark.parametrize("harm", ["file", "pointer", "label", "gone"])
def test_a_shadow_that_cannot_be_used_is_told_and_harms_nobody(
    made_home, champion: Bundle, night: list[Scored], tmp_path: Path, harm: str
) -> None:
    folder = served.folder_of(tmp_path, LABEL, 2)
    shutil.copytree(served.served_bundle(made_home.settings.home, LABEL), folder)
    served.point(tmp_path, served.SHADOW, LABEL, 2)
    asked = champion
    if harm == "file":
        (folder / "booster.txt").write_text("tree\n")
    elif harm == "pointer":
        (tmp_path / "bundles" / "shadow.json").write_text('{"withdrawal_28d": {}}')
    elif harm == "label":
        asked = replace(champion, meta={**champion.meta, "label_version": 99})
    else:
        shutil.rmtree(folder)
    found = shadow.beside(School(tmp_path), LABEL, asked, night)
    assert found is not None
    assert set(found) == {"failed"}
    words = {"file": "damaged", "pointer": "KeyError", "label": "version 99", "gone": "no such bundle"}
    assert words[harm] in found["failed"]
    assert shadow.words(found)[0].startswith("the shadow could not be used, nothing else was harmed")


def test_a_night_keeps_how_far_its_shadow_is_and_the_list_is_as_without(made_home, tmp_path: Path) -> None:
    home = made_home.copy(tmp_path / "home")
    store = journeys.store(home.settings)
    before = store.entries(store.last_night(LABEL).night_id)
    first, second = (served.folder_of(home.settings.home, LABEL, version) for version in (1, 2))
    shutil.copytree(first, second)
    served.point(home.settings.home, served.SHADOW, LABEL, 2)
    report = journeys.nightly(home.settings, home.as_of, quiet=True)
    night = store.last_night(LABEL)
    assert store.entries(night.night_id) == before
    assert night.counts["shadow"] == json.loads(json.dumps(report.shadow))
    assert night.counts["shadow"]["mean_difference"] == 0.0  # the same files: the very rows that the champion saw
    assert night.counts["shadow"]["enrolments"] == sum(entry.risk is not None for entry in before)
    assert "beside it the shadow" in report.words()
