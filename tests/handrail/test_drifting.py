"""The health of a served model: a feed that died, risks that came to nothing, labels that everybody got."""

from __future__ import annotations

import hashlib
import json
import shutil
from contextlib import redirect_stdout
from datetime import timedelta
from io import StringIO

import numpy as np
import pandas as pd
import pytest

from features import clock
from features.errors import BadInput, NotReady
from features.labels import named
from features.lake import Lake
from handrail import cli, drifting, journeys
from handrail.comparing import Compared
from serving.store import Entry

LABEL = "withdrawal_28d"


def rewrite(home, table: str, change) -> None:
    """Puts other rows into a table of a copied lake."""
    lake = home.school.lake
    manifest = json.loads((lake / "manifest.json").read_text("utf-8"))
    for one in manifest["files"]:
        if one["table"] == table:
            change(pd.read_parquet(lake / one["path"])).to_parquet(lake / one["path"], index=False)
    shutil.rmtree(home.settings.home / "cache", ignore_errors=True)


def as_if_made_before(home, until) -> None:
    """The served bundle as it would be, had its last label been known by an earlier day."""
    folder = next((home.settings.home / "bundles" / LABEL).glob("*/meta.json")).parent
    meta = json.loads((folder / "meta.json").read_text("utf-8")) | {"trained_until": until.isoformat()}
    (folder / "meta.json").write_text(json.dumps(meta), "utf-8")
    hashes = json.loads((folder / "MANIFEST.json").read_text("utf-8"))
    hashes["meta.json"] = hashlib.sha256((folder / "meta.json").read_bytes()).hexdigest()
    (folder / "MANIFEST.json").write_text(json.dumps(hashes), "utf-8")


@pytest.fixture(scope="module")
def dead(made_home, tmp_path_factory):
    """A home whose video feed died five days ago, what `handrail drift --json` answered, and its page."""
    home = made_home.copy(tmp_path_factory.mktemp("dead") / "home")
    died = clock.day_number(home.as_of) - 5
    rewrite(home, "videos", lambda rows: rows[rows["day"] < died])
    page = home.settings.home / "drift.html"
    words = ["handrail", "--home", str(home.settings.home), "--json", "drift", "--as-of", str(home.as_of)]
    said = StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        patch.setattr("sys.argv", [*words, "--html", str(page)])
        with pytest.raises(SystemExit, match="0"):
            cli.main()
    return home, json.loads(said.getvalue()), page


def test_a_dead_feed_is_red_and_named_with_its_last_day(dead):
    home, answer, _ = dead
    last = home.as_of - timedelta(days=6)
    [source] = [one for one in answer["findings"] if one["kind"] == "source"]
    assert (answer["verdict"], source["verdict"], source["name"]) == ("red", "red", "videos")
    assert f"no videos events since {last:%A} {last}: 6 days" in source["words"]
    volume = {one["name"]: one["verdict"] for one in answer["findings"] if one["kind"] == "volume"}
    assert (volume["videos"], volume["activity"]) == ("amber", "green")


def test_what_still_comes_is_as_it_was(dead):
    _, answer, _ = dead
    found = {(one["kind"], one["name"]): one for one in answer["findings"]}
    assert found["features", "all"]["verdict"] == "green"
    assert found["score", "risk"]["verdict"] == "green"
    assert found["labels", LABEL]["verdict"] == "green"
    assert found["calibration", "expected_observed"]["figure"] is None, "no horizon is over since it was made"
    activity = found["features", "activity"]["detail"]["clicks_7d"]
    assert 0 < activity["distance"] < 0.5
    assert {one["kind"] for one in answer["findings"]} == {
        *("features", "score", "calibration", "labels", "source", "volume")
    }


def test_the_report_is_kept_and_names_no_student(dead):
    home, answer, _ = dead
    kept = journeys.store(home.settings).newest_health(LABEL, home.as_of)
    assert (kept.verdict, kept.model_version) == ("red", answer["model_version"])
    assert kept.findings == answer["findings"]
    text = json.dumps(kept.findings)
    people = Lake(home.school.lake, home.school.zone).read("enrolments")
    assert not any(f'"{one}"' in text for column in ("student_id", "enrolment_id") for one in people[column])


def test_the_page_is_whole_and_holds_the_features(dead):
    _, answer, page = dead
    text = page.read_text("utf-8")
    assert answer["html"] == str(page)
    assert "clicks_7d" in text
    assert "risk_log_odds" in text


def test_the_words_say_what_is_wrong_and_what_to_do(dead):
    home, answer, page = dead
    kept = journeys.store(home.settings).newest_health(LABEL, home.as_of)
    words = drifting.DriftReport(kept, page).words().splitlines()
    assert words[0] == f"data health of {LABEL} at {home.as_of}, model {answer['model_version']}: RED"
    assert words[1].startswith("  RED    source       no videos events since")
    assert "  source: ask why the source is silent, then import what is missing: handrail import --help" in words
    assert words[-1].endswith(str(page))


def test_distances_are_in_standard_deviations_and_one_outlier_does_not_set_the_scale():
    """Evidently's figures against the definition; this file has paid for importing it."""
    from scipy.stats import wasserstein_distance

    from model.monitor import moves

    random = np.random.default_rng(3)
    then = pd.DataFrame({"bell": random.normal(size=3000), "tail": random.lognormal(sigma=2, size=3000)})
    now = pd.DataFrame({"bell": random.normal(0.6, size=400), "tail": random.lognormal(sigma=2, size=400)})
    then["new"], now["new"] = 0.0, (np.arange(400) < 40).astype("float64")
    then["gone"], now["gone"] = 1.0, np.nan
    then["same"], now["same"] = 5.0, 5.0
    before = {one.column: one for one in moves(then, now, "wasserstein", 0.5)}
    assert before["bell"].distance == pytest.approx(
        wasserstein_distance(then["bell"], now["bell"]) / then["bell"].std(ddof=0), rel=0.05
    )
    assert 0.5 < before["bell"].distance < 0.7
    assert before["new"].distance > 0.5, "what nobody had and a tenth has now"
    assert (before["gone"].distance, before["gone"].unknown_then, before["gone"].unknown_now) == (None, 0.0, 1.0)
    assert before["same"].distance == 0
    then.loc[0, "tail"] = now.loc[0, "tail"] = 1e9
    after = {one.column: one for one in moves(then, now, "wasserstein", 0.5)}
    assert after["tail"].distance == pytest.approx(before["tail"].distance, rel=0.2)


@pytest.fixture(scope="module")
def older(made_home, tmp_path_factory):
    """A home whose model was made four months before its last day, and what it is looked at with."""
    home = made_home.copy(tmp_path_factory.mktemp("older") / "home")
    as_if_made_before(home, home.as_of - timedelta(days=120))
    return home, Compared.open(home.settings, named(LABEL), home.as_of, lambda *_: None)


def test_without_lists_the_risks_are_made_now_and_held_to_what_came(older):
    home, case = older
    found = drifting.calibration(case, journeys.store(home.settings))
    assert "8 cut-offs" in found.words
    assert "scored now, where no list was published" in found.words
    assert found.figure == pytest.approx(1.0, abs=0.5)
    assert found.verdict != "red"


def test_lists_are_held_to_what_they_told(older):
    """The same students, told ten times too much."""
    home, case = older
    kept = journeys.store(home.settings)
    for day, rows in case.past.groupby("day"):
        night = kept.open_night(clock.date_of(day), LABEL, case.bundle.version, "p", "l")
        risks = np.minimum(10 * case.bundle.score(case.x(rows)), 1.0)
        keys = rows[["enrolment_id", "student_id", "course_id"]].to_numpy()
        entries = [Entry(at, *keys[at - 1], None, "scored", risks[at - 1]) for at in range(1, len(rows) + 1)]
        kept.publish_night(night.night_id, entries, {})
    found = drifting.calibration(case, kept)
    assert found.verdict == "red"
    assert found.figure > 3
    assert "8 cut-offs" in found.words
    assert "as told on published lists" in found.words


def test_labels_that_everybody_got_are_red_and_the_features_of_nobody_are_not_judged(made_home, tmp_path):
    home = made_home.copy(tmp_path / "home")
    lake = Lake(home.school.lake, home.school.zone)
    people = lake.read("enrolments")["enrolment_id"].unique()
    last = clock.day_number(home.as_of) - 1

    def all_gone(rows: pd.DataFrame) -> pd.DataFrame:
        like = rows.iloc[[0]].assign(kind="withdrawal", day=last, known_day=last)
        gone = like.loc[like.index.repeat(len(people))].assign(enrolment_id=people)
        gone["event_id"] = [f"all-{at}" for at in range(len(people))]
        return pd.concat([rows, gone.astype(rows.dtypes.to_dict())], ignore_index=True)

    rewrite(home, "outcomes", all_gone)
    as_if_made_before(home, home.as_of - timedelta(days=30))
    report = drifting.drift(home.settings, None, home.as_of, tmp_path / "page.html", quiet=True)
    found = {(one["kind"], one["name"]): one for one in report.health.findings}
    assert found["labels", LABEL]["verdict"] == "red"
    assert found["labels", LABEL]["figure"] > 4
    assert found["features", "all"]["figure"] is None
    assert report.html is None
    assert "before anything is trained on it" in report.words()


def test_what_cannot_be_looked_at_is_refused(made_home, tmp_path):
    settings = made_home.settings
    for page in (tmp_path / "nowhere" / "page.html", tmp_path / "page.pdf"):
        with pytest.raises(BadInput, match="cannot be written"):
            drifting.drift(settings, None, made_home.as_of, page, quiet=True)
    with pytest.raises(NotReady, match="handrail train --label inactivity_14d"):
        drifting.drift(settings, "inactivity_14d", made_home.as_of, None, quiet=True)
    with pytest.raises(NotReady, match="no enrolment is live on 2031-01-01"):
        drifting.drift(settings, None, made_home.as_of.replace(2031, 1, 1), None, quiet=True)
