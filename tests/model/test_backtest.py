"""The past as it was: nothing that came later moves a risk, and the file says what was known."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features import clock
from features.labels import Label, named
from features.lake import Lake
from handrail import cli
from model.backtest import Backtest, compare, with_those_gone
from model.dataset import KEYS
from model.metrics import MetricSettings, plain_auc
from model.train import Settings

FEATURES = ("days_without_login", "clicks_7d", "homework_overdue_now", "homework_mean_score", "days_since_start")
QUICK = {"risk": {"rounds": 40}, "metrics": {"draws": 50}}
WITHDRAWAL = named("withdrawal_28d")


@pytest.fixture(scope="module")
def panel(make_rows: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Weekly rows of 30 weeks, with the whole truth in ``y``; every tenth enrolment has not enough data."""
    rows = make_rows(enrolments=500, rate=0.015)
    young = rows["enrolment_id"].str.endswith("7")
    return rows.assign(days_since_start=(rows["day"] - rows["day"].min()).astype("float64"), enough_data=~young)


def known(rows: pd.DataFrame, until_day: int) -> np.ndarray:
    return np.where(rows["day"] + 28 <= until_day, rows["y"], np.nan)


def plan(retrain_days: int = 28, answers: Callable = known, label: Label = WITHDRAWAL, seed: int = 1) -> Backtest:
    return Backtest(label, answers, FEATURES, {"days_without_login": 1}, Settings.of(QUICK), seed, retrain_days)


def origins_of(panel: pd.DataFrame) -> list[int]:
    return sorted(set(panel["day"]))[14:]


@pytest.fixture(scope="module")
def past(panel: pd.DataFrame):
    return plan().run(panel, origins_of(panel), int(panel["day"].max()) + 1)


@pytest.mark.parametrize("weeks", [14, 18, 21, 25])
def test_the_future_does_not_move_a_risk(panel: pd.DataFrame, past, weeks: int) -> None:
    origin = sorted(set(panel["day"]))[weeks]
    random = np.random.default_rng(weeks)
    other = panel.copy()
    other.loc[other["day"] + 28 > origin, "y"] = 1 - other["y"]
    later = other["day"] > origin
    other.loc[later, list(FEATURES)] = random.normal(size=(int(later.sum()), len(FEATURES)))
    again = plan().run(other, origins_of(panel), int(panel["day"].max()) + 1)
    before = past.rows["day"] <= origin
    told = [*KEYS, "risk", "trained_until"]
    pd.testing.assert_frame_equal(again.rows.loc[before, told], past.rows.loc[before, told], check_exact=True)
    if weeks < 25:
        assert not again.rows.loc[~before, "risk"].equals(past.rows.loc[~before, "risk"])


def test_an_answer_that_was_known_does_move_it(panel: pd.DataFrame, past) -> None:
    first = origins_of(panel)[0]
    other = panel.copy()
    other.loc[other["day"] + 28 == first, "y"] = 1 - other["y"]
    again = plan().run(other, origins_of(panel), int(panel["day"].max()) + 1)
    at_first = past.rows["day"] == first
    assert not again.rows.loc[at_first, "risk"].equals(past.rows.loc[at_first, "risk"])


def test_answers_are_asked_as_of_the_origin_and_of_over_horizons_only(panel: pd.DataFrame) -> None:
    asked: list[tuple[int, int]] = []

    def spying(rows: pd.DataFrame, until_day: int) -> np.ndarray:
        asked.append((int(rows["day"].max()), until_day))
        return known(rows, until_day)

    origins, last = origins_of(panel), int(panel["day"].max()) + 1
    plan(answers=spying).run(panel, origins, last)
    *training, outcomes = asked
    assert outcomes == (origins[-1], last)
    assert [until for _, until in training] == origins[::4]
    assert all(newest + 28 <= until for newest, until in training)


def test_a_model_is_kept_until_it_is_due(panel: pd.DataFrame, past) -> None:
    origins = origins_of(panel)
    assert [one.origin for one in past.models] == origins[::4]
    assert all(one.trained_until <= one.origin for one in past.models)
    frozen = plan(retrain_days=1000).run(panel, origins, 0)
    assert [one.origin for one in frozen.models] == origins[:1]
    same = frozen.rows["day"] < origins[4]
    assert frozen.rows.loc[same, "risk"].equals(past.rows.loc[same, "risk"])
    assert set(frozen.rows["trained_until"].dropna()) == {origins[0]}


def test_who_has_not_enough_data_has_a_row_and_no_risk_and_teaches_nothing(panel: pd.DataFrame, past) -> None:
    rows = past.rows
    assert len(rows) == panel["day"].isin(origins_of(panel)).sum()
    assert (rows["risk"].notna() == rows["enough_data"]).all()
    assert (rows["trained_until"].notna() == rows["enough_data"]).all()
    other = panel.assign(y=panel["y"].where(panel["enough_data"], 1 - panel["y"]))
    again = plan().run(other, origins_of(panel), 0)
    assert again.rows["risk"].equals(rows["risk"])


def test_outcomes_are_empty_while_the_horizon_runs(panel: pd.DataFrame, past) -> None:
    over = past.rows["day"] + 28 <= panel["day"].max() + 1
    assert 0 < over.sum() < len(over)
    assert (past.rows["outcome"].notna() == over).all()


def test_too_short_a_history_gives_no_risk_and_says_why(panel: pd.DataFrame) -> None:
    origins = sorted(set(panel["day"]))[2:]
    early = plan().run(panel, origins, 0)
    assert origins[0] in early.untrained
    assert "not enough data: 0 cases of withdrawal over 0 cut-off days" in early.untrained[origins[0]]
    first = early.models[0].origin
    assert set(early.untrained) == {day for day in origins if day < first}
    assert early.rows.loc[early.rows["day"] < first, ["risk", "trained_until"]].isna().all(axis=None)
    assert early.rows.loc[(early.rows["day"] >= first) & early.rows["enough_data"], "risk"].notna().all()


def test_the_same_rows_and_seed_give_the_same_risks(panel: pd.DataFrame, past) -> None:
    last = int(panel["day"].max()) + 1
    pd.testing.assert_frame_equal(plan().run(panel, origins_of(panel), last).rows, past.rows, check_exact=True)
    assert not plan(seed=2).run(panel, origins_of(panel), last).rows["risk"].equals(past.rows["risk"])


def test_the_model_stands_beside_the_rule_in_all_and_by_group(panel: pd.DataFrame, past) -> None:
    found = compare(past, WITHDRAWAL, "days_without_login", MetricSettings(draws=100), 1)
    assert [(one.cut, one.group) for one in found][:2] == [("all", "all"), ("course run", "course")]
    assert {one.group for one in found if one.cut == "weeks since the start"} == {"09-16", "17-26"}
    whole = found[0]
    rows = past.rows[past.rows["risk"].notna() & past.rows["outcome"].notna()]
    assert whole.model.rows == len(rows) == sum(one.model.rows for one in found if one.cut == "weeks since the start")
    outcome, risk = rows["outcome"].to_numpy(), rows["risk"].to_numpy()
    rule = rows["days_without_login"].fillna(1e9).to_numpy()
    assert whole.model.figures["auc"].value == pytest.approx(plain_auc(outcome, risk))
    assert set(whole.beside) == {"days_without_login", "logistic regression", "previous model"}
    assert whole.beside["days_without_login"]["auc"].value == pytest.approx(plain_auc(outcome, rule))
    assert whole.beside["logistic regression"]["auc"].value == pytest.approx(
        plain_auc(outcome, rows["logistic"].to_numpy())
    )
    assert whole.gain["days_without_login"]["auc"].low > 0  # homework tells what logins do not
    for other, figures in whole.beside.items():
        for name, one in figures.items():
            own = whole.model.figures[name]
            assert own.value - one.value == pytest.approx(whole.gain[other][name].value)
            assert one.low <= one.value <= one.high
    assert whole.expected == pytest.approx(risk.mean())


def test_those_who_have_gone_flatter(panel: pd.DataFrame, past) -> None:
    last = origins_of(panel)[-1]
    silent = panel[panel["day"] == last].head(40).assign(days_without_login=60.0, clicks_7d=0.0)
    honest = compare(past, WITHDRAWAL, "days_without_login", MetricSettings(draws=20), 1)[0].model.figures["auc"].value
    assert with_those_gone(past, silent) > honest
    nobody = with_those_gone(past, silent.iloc[:0])
    assert nobody == pytest.approx(honest)


def test_there_is_nothing_to_compare_without_risks(panel: pd.DataFrame) -> None:
    origins = sorted(set(panel["day"]))[2:4]
    nothing = plan().run(panel, origins, int(panel["day"].max()) + 1)
    assert compare(nothing, WITHDRAWAL, "days_without_login", MetricSettings(), 1) == []


def test_learning_days_end_one_horizon_before_the_last_origin() -> None:
    ten = plan(label=replace(WITHDRAWAL, name="withdrawal_10d", horizon_days=10))
    assert plan().learning_days([100, 107, 114], 60) == [65, 72, 79, 86]
    assert plan().learning_days([40, 47], 15) == [19]
    assert plan().learning_days([40], 15) == []
    assert ten.learning_days([100, 103], 80) == [83, 90]


# The command, on a small school.

ZONE = "Europe/Moscow"
START = date(2026, 1, 5)
WEEKS = 26
TYPED = ["--label", "withdrawal_28d", "--from", "2026-04-20", "--to", "2026-06-15", "--every", "7d"]


def moment(day: float) -> pd.Timestamp:
    return pd.Timestamp(START).tz_localize(ZONE).tz_convert("UTC").as_unit("us") + pd.Timedelta(days=day)


def small_school(home: Path, *, other_from: float = 1e9) -> Path:
    """150 students of one course who come less and less before they leave; from a day on things go another way."""
    random, turn = np.random.default_rng(5), np.random.default_rng(6)
    people = [f"p{number:03d}" for number in range(150)]
    left = np.where(random.random(150) < 0.55, random.uniform(20, 7 * WEEKS, 150).round(), 10_000) + 0.5
    logins: list[tuple[str, float]] = []
    for who, end in zip(people, left, strict=True):
        days = np.arange(min(7 * WEEKS, end)) + 0.3
        came = random.random(len(days)) < np.where(end - days < 30, 0.1, 0.5)
        logins += [(who, day) for day in days[came] if day < other_from]
        logins += [(who, day) for day in days if day >= other_from and turn.random() < 0.9]
    told = left + np.where(random.random(150) < 0.3, 12, 0)
    sudden, later = np.where(turn.random(150) < 0.8, other_from + 1.5, 10_000), told >= other_from
    left, told = np.where(later, sudden, left), np.where(later, sudden, told)
    before, end = moment(-30), moment(7 * WEEKS + 20)
    course = {"course_id": ["c"], "starts_at": [moment(0)], "ends_at": [end], "known_at": [before]}
    enrolled = {"enrolment_id": people, "student_id": people, "course_id": "c", "occurred_at": before}
    at = [moment(day) for _, day in logins]
    gone = [
        (who, moment(day), moment(heard))
        for who, day, heard in zip(people, left, told, strict=True)
        if heard < 7 * WEEKS
    ]
    activity = {"event_id": [f"{who} {day}" for who, day in logins], "enrolment_id": [who for who, _ in logins]}
    outcomes = {"event_id": [f"o {who}" for who, *_ in gone], "enrolment_id": [who for who, *_ in gone]}
    times = {"occurred_at": [day for _, day, _ in gone], "known_at": [heard for *_, heard in gone]}
    with Lake(home / "lake", ZONE).adding("test", "1") as batch:
        batch.write("courses", pd.DataFrame(course))
        batch.write("enrolments", pd.DataFrame(enrolled | {"known_at": before}))
        batch.write(
            "activity", pd.DataFrame(activity | {"kind": "login", "quantity": 1}).assign(occurred_at=at, known_at=at)
        )
        batch.write("outcomes", pd.DataFrame(outcomes | {"kind": "withdrawal"} | times))
    assert not sum(batch.report.set_aside.values()), batch.report.faults
    (home / "configs").mkdir(parents=True)
    (home / "configs" / "model.toml").write_text("[risk]\nrounds = 30\n[metrics]\ndraws = 30\n", "utf-8")
    return home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_school(tmp_path_factory.mktemp("small") / "school")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def typed(home: Path, *words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["handrail", "--home", str(home), "backtest", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return typed


def test_the_command_writes_a_row_per_enrolment_and_moment(run: Callable, home: Path, tmp_path: Path) -> None:
    out = tmp_path / "past.csv"
    code, said, _ = run(home, *TYPED, "--out", out)
    assert code == 0
    assert "days_without_login alone" in said
    assert "by course run" in said
    rows = pd.read_csv(out, parse_dates=["as_of", "trained_until"])
    assert list(rows.columns) == [
        *("enrolment_id", "student_id", "course_id", "as_of", "label", "horizon_days"),
        *("risk", "baseline", "outcome", "trained_until"),
    ]
    assert not rows.duplicated(["enrolment_id", "as_of"]).any()
    assert rows["as_of"].nunique() == 9
    assert rows["risk"].between(0, 1).all()
    assert (rows["trained_until"] <= rows["as_of"]).all()
    assert set(rows["label"]) == {"withdrawal_28d"}
    text = pd.read_csv(out, dtype="str", keep_default_na=False)
    over = rows["as_of"] + pd.Timedelta(days=28) <= "2026-07-06"  # the last login is of 5 July
    assert set(text.loc[over, "outcome"]) == {"0", "1"}
    assert set(text.loc[~over, "outcome"]) == {""}


def test_the_same_command_writes_the_same_bytes(run: Callable, home: Path, tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv", "one.parquet", "two.parquet"):
        assert run(home, *TYPED, "--out", tmp_path / name)[0] == 0
    for ending in ("csv", "parquet"):
        one, two = (tmp_path / f"{name}.{ending}" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
    rows = pd.read_parquet(tmp_path / "one.parquet")
    assert isinstance(rows["as_of"][0], date)
    np.testing.assert_array_equal(rows["risk"], pd.read_csv(tmp_path / "one.csv", float_precision="round_trip")["risk"])


def test_a_school_that_goes_another_way_later_has_the_same_past(run: Callable, home: Path, tmp_path: Path) -> None:
    origin = date(2026, 6, 1)
    other = small_school(tmp_path / "other", other_from=(origin - START).days)
    risks = {}
    for name, school in (("as it was", home), ("another way", other)):
        out = tmp_path / f"{name}.csv"
        assert run(school, *TYPED, "--retrain-every", "7d", "--out", out)[0] == 0
        rows = pd.read_csv(out)
        risks[name] = rows[rows["as_of"] <= origin.isoformat()].reset_index(drop=True)
    own, others = risks.values()
    assert own["as_of"].nunique() == 7
    pd.testing.assert_frame_equal(own.drop(columns="outcome"), others.drop(columns="outcome"), check_exact=True)
    assert not own["outcome"].equals(others["outcome"])


def test_the_document_is_json_and_says_what_was_learnt(run: Callable, home: Path, tmp_path: Path) -> None:
    code, said, told = run(home, "--json", *TYPED, "--out", tmp_path / "past.csv", "--retrain-every", "365d")
    document = json.loads(said, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert (code, told) == (0, "")
    assert document["label"] == "withdrawal_28d"
    assert document["rows"] == len(pd.read_csv(tmp_path / "past.csv"))
    assert [one["origin"] for one in document["models"]] == ["2026-04-20"]
    assert document["models"][0]["trained_until"] <= "2026-04-20"
    assert document["baseline"] == "days_without_login"
    assert document["figures"][0]["group"] == "all"


def test_too_short_a_history_is_told_and_nothing_is_made_up(run: Callable, home: Path, tmp_path: Path) -> None:
    out = tmp_path / "past.parquet"
    code, said, _ = run(home, "--from", "2026-01-19", "--to", "2026-02-02", "--out", out)
    assert code == 0
    assert "no row has both a risk and an outcome" in said
    assert "no new model could be made at 3 origins from 2026-01-19 to 2026-02-02" in said
    rows = pd.read_parquet(out)
    assert len(rows) > 300
    assert rows[["risk", "trained_until"]].isna().all(axis=None)
    assert rows["outcome"].notna().all()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--from", "2026-05-04", "--to", "2026-04-20"], "--to: 2026-04-20 is before 2026-05-04"),
        (["--from", "2026-05-04", "--to", "2026-05-04", "--every", "week"], "--every: 'week' is not a step"),
        (["--from", "2026-05-04", "--to", "2026-05-04", "--retrain-every", "0d"], "--retrain-every: '0d'"),
        (["--from", "soon", "--to", "2026-05-04"], "--from: 'soon' is not a date"),
        (["--from", "2026-05-04", "--to", "2026-05-04", "--label", "churn"], "there is no label 'churn'"),
        (["--from", "2025-05-04", "--to", "2025-05-04"], "nobody was enrolled"),
    ],
)
def test_refusals_say_what_to_mend(run: Callable, home: Path, tmp_path: Path, words: list[str], complaint: str) -> None:
    code, _, told = run(home, *words, "--out", tmp_path / "past.csv")
    assert code == 1
    assert complaint in told
    assert not (tmp_path / "past.csv").exists()


def test_an_empty_school_and_an_unwritable_file_are_refused(run: Callable, home: Path, tmp_path: Path) -> None:
    code, _, told = run(tmp_path / "nothing", *TYPED, "--out", tmp_path / "past.csv")
    assert code == 1
    assert "handrail import" in told
    code, _, told = run(home, *TYPED, "--out", tmp_path / "past.xlsx")
    assert code == 1
    assert "Use .csv or .parquet" in told


def test_day_numbers_are_those_of_the_clock(panel: pd.DataFrame, past) -> None:
    first = past.models[0].as_dict()
    assert first["origin"] == clock.date_of(origins_of(panel)[0]).isoformat()
