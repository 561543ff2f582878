import pandas as pd
import pytest

from benchmarks import features as benchmark
from benchmarks import measurements, thirty_pandas
from benchmarks.make_events import SHARES, ZONE, cuts, make
from features.build import snapshot
from features.clock import day_number
from features.config import School
from features.contracts import TABLES, check
from features.lake import Lake, with_days

EVENTS = 30_000
CUTS = cuts()[::5]
DAYS = [day_number(cut) for cut in CUTS]


@pytest.fixture(scope="module")
def school(tmp_path_factory) -> School:
    home = tmp_path_factory.mktemp("benchmark")
    make(home, EVENTS)
    return School(home)


@pytest.fixture(scope="module")
def lake(school) -> Lake:
    return Lake(school.lake, school.zone)


@pytest.fixture(scope="module")
def ours(school) -> pd.DataFrame:
    return snapshot(school, CUTS)[["day", "enrolment_id", *thirty_pandas.FEATURES]]


@pytest.mark.parametrize("table", ["students", "courses", "enrolments", "assignments", "outcomes", *SHARES])
def test_what_is_made_is_what_the_lake_would_have_written(lake, table):
    rows = lake.read(table)
    contract = TABLES[table]
    checked = check(table, rows[list(contract.columns)])
    assert len(rows) > 0
    assert checked.rejects.empty
    pd.testing.assert_frame_equal(with_days(checked.rows, ZONE), rows)
    assert not rows.duplicated([*contract.key, "known_at"] if contract.versioned else list(contract.key)).any()


def test_the_manifest_tells_of_its_files(lake):
    for table in SHARES:
        rows = lake.read(table)
        assert sum(entry["rows"] for entry in lake._manifest()["files"] if entry["table"] == table) == len(rows)
    assert lake.last_known_day() >= DAYS[-1]
    assert [batch["id"] for batch in lake.batches()] == [f"{month:05d}-made" for month in range(14)]


def test_events_have_the_shape_of_a_real_school(lake, ours):
    sizes = {table: len(lake.read(table)) for table in SHARES}
    assert sum(sizes.values()) == pytest.approx(EVENTS, rel=0.1)
    assert sizes["activity"] / EVENTS == pytest.approx(SHARES["activity"], rel=0.1)
    activity, enrolments = lake.read("activity"), lake.read("enrolments")
    by_day = activity.groupby(["enrolment_id", "day"]).size()
    assert by_day.max() > 4 * by_day.mean()
    assert 0.005 < (activity["known_day"] > activity["day"]).mean() < 0.05
    assert (ours.groupby("day").size() > 0.7 * enrolments["enrolment_id"].nunique()).all()
    assert (ours["days_without_login"] > 28).mean() > 0.2


def test_the_same_arguments_make_the_same_files(school, lake, tmp_path):
    make(tmp_path, EVENTS)
    again = Lake(tmp_path / "lake", ZONE)
    for table in ("activity", "tickets", "touches"):
        assert [path.read_bytes() for path in again.paths(table)] == [path.read_bytes() for path in lake.paths(table)]
    with pytest.raises(FileExistsError):
        make(tmp_path, EVENTS)


def test_the_night_gives_the_values_of_the_build(school, ours, tmp_path):
    (tmp_path / "lake").symlink_to(school.lake)
    measurements.prepare_night(tmp_path)
    [before] = (tmp_path / "night" / "cache-before").iterdir()
    found = measurements.build_night(tmp_path)
    [after] = (tmp_path / "night" / "cache").iterdir()
    assert before.name != after.name
    expected = ours[ours["day"] == day_number(cuts()[-1])]
    assert found["rows"] == len(expected)
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "night" / "build.parquet"), expected.reset_index(drop=True)
    )


def test_pandas_gives_the_values_of_the_build(school, lake, ours, tmp_path):
    theirs = thirty_pandas.thirty(lake, DAYS)
    ours.to_parquet(tmp_path / "build.parquet")
    theirs.to_parquet(tmp_path / "pandas.parquet")
    assert measurements.compare(tmp_path, ["pandas"]) == {"values": len(ours) * 30}
    theirs.loc[7, "clicks_28d"] += 1
    theirs.to_parquet(tmp_path / "pandas.parquet")
    with pytest.raises(AssertionError, match="pandas: clicks_28d"):
        measurements.compare(tmp_path, ["pandas"])


def test_polars_gives_the_values_of_the_build(lake, ours, tmp_path):
    pytest.importorskip("polars")
    from benchmarks import thirty_polars

    ours.to_parquet(tmp_path / "build.parquet")
    thirty_polars.thirty(lake, DAYS).write_parquet(tmp_path / "polars.parquet")
    assert measurements.compare(tmp_path, ["polars"]) == {"values": len(ours) * 30}


def test_the_scan_knows_every_column(school):
    for table, columns in measurements.COLUMNS.items():
        days = with_days(check(table, pd.DataFrame(columns=list(TABLES[table].columns))).rows, ZONE)
        assert set(columns.split()) <= set(days.columns), table
    assert measurements.scan(school.home)["cpu"] > 0
    assert measurements.scan_and_group(school.home)["cpu"] > 0


def test_a_measurement_runs_in_its_own_process(school):
    found = benchmark._child("scan", school.home)
    assert 0 < found["cpu"] < 60
    assert 2**24 < found["memory"] < 2**34
    with pytest.raises(SystemExit, match="scan ended with 1"):
        benchmark._child("scan", school.home / "nowhere")


def results(cpu: float) -> dict[str, list[dict[str, float]]]:
    def runs(factor: float) -> list[dict[str, float]]:
        one = {"wall": 1.0, "memory": 2**30, "rows": 1000, "features": 9, "median": 5e-4, "p99": 9e-4, "each": 4e-4}
        return [one | {"cpu": factor * cpu * spread} for spread in (0.5, 1, 7)]

    factors = {"scan": 1, "scan-one": 1.1, "group": 1.5, "one": 3, "all": 12, "warm": 8, "polars": 13}
    return {name: runs(factors.get(name, 1)) for name in benchmark.TITLES if name != "pandas"} | {
        "compared": [{"values": 30_000}]
    }


def test_the_table_shows_medians_beside_the_scan():
    lines = benchmark.table(50_000_000, results(2.0))
    assert "| build, 26 cut-offs | 24.00 | 12.0 | 1.00 | 1.00 | 1,000 x 9 |" in lines
    assert "| pandas, 30 features, 26 cut-offs | not run at this size | | | | |" in lines
    assert "| one student | 500 | 900 | 400 | 9 |" in lines
    assert lines[-1] == "30,000 values of Polars are those of the build."
    assert "build, 1 cut-off 2.0, build, 26 cut-offs 2.0" in benchmark.growth(results(2.0), results(4.0), 5)
