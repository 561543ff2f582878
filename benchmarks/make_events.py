"""Makes a large school to measure speed on: a lake of N events in a year, of the shape that a real one has.

    .venv/bin/python -m benchmarks.make_events --events 10000000 --out HOME

Four fifths of the events are clicks in bursts, a seventh is video; the rest is homework, tickets, ratings, live
classes, payments and contacts. Half of the students fade out; three facts in a hundred are known hours or days late.
The files are what the lake itself would have written for thirteen monthly imports, but are made by DuckDB and not
checked row by row, so that fifty million rows take minutes. The same arguments give the same rows (for one version
of DuckDB, whose `hash` is the only source of chance).
"""

from __future__ import annotations

import argparse
import json
import re
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.clock import day_number
from features.contracts import TABLES
from features.contracts.check import empty
from features.lake import day_column, replace_file, with_days

ZONE = "Europe/Moscow"
OFFSET = 3 * 3600  # seconds ahead of UTC, all year
FIRST = date(2025, 1, 6)
WEEKS = 52
RUNS = 8
FIRST_DAY = day_number(FIRST)
LAST_DAY = FIRST_DAY + 7 * WEEKS

SHARES = {"activity": 0.80, "videos": 0.14, "submissions": 0.025, "tickets": 0.007, "ratings": 0.005, "nps": 0.002}
SHARES |= {"live": 0.009, "payments": 0.006, "touches": 0.006}
"""Of all events, by table; `outcomes` come on top."""


def cuts() -> list[date]:
    """The 26 weekly cut-offs of the second half of the year, when every run has begun."""
    return [FIRST + timedelta(weeks=week) for week in range(WEEKS - 26, WEEKS)]


# Salts keep the draws apart (hashed twice: DuckDB joins the hashes of its arguments by XOR); `day` is a day number of
# the zone, `second` counts from its midnight.
MACROS = f"""
SET TimeZone = 'UTC';
CREATE MACRO u(salt, a, b) AS hash(hash(salt, a, b)) / 18446744073709551616.0;
CREATE MACRO moment(day, second) AS make_timestamptz((day * 86400 + floor(second)::BIGINT - {OFFSET}) * 1000000);
CREATE MACRO local_day(t) AS ((epoch_us(t::TIMESTAMPTZ) + {OFFSET}000000) // 86400000000)::INTEGER;
CREATE MACRO after(t, seconds) AS make_timestamptz(epoch_us(t::TIMESTAMPTZ) + floor(seconds)::BIGINT * 1000000);
CREATE MACRO heard(t, x) AS after(t, CASE
    WHEN x < 0.97 THEN x * 30 WHEN x < 0.99 THEN (x - 0.97) * 50 * 43200 ELSE (x - 0.99) * 100 * 4 * 86400 END);
CREATE MACRO eid(e) AS 'e' || lpad(e::VARCHAR, 6, '0');
CREATE MACRO sid(s) AS 's' || lpad(s::VARCHAR, 6, '0');
CREATE MACRO run(r) AS 'run-' || r;
CREATE MACRO name(letter, day, e, k) AS letter || lower(to_hex(((day - {FIRST_DAY}) * 262144 + e)::BIGINT * 512 + k));
"""

# `fade` is the day from which a student hardly comes any more, `leave` the day of the outcome that ends it.
PEOPLE = f"""
CREATE TABLE people AS
WITH drawn AS (
    SELECT e::INTEGER e, (CASE WHEN e < $students THEN e ELSE floor(u(1, e, 0) * $students) END)::INTEGER s,
           (u(2, e, 0) * {RUNS})::INTEGER % {RUNS} r, 0.25 + 0.9 * -ln(1 - u(3, e, 0)) AS level
    FROM range($enrolments) t(e)
), dated AS (
    SELECT *, {FIRST_DAY} + 14 * r AS begin, {FIRST_DAY} + 14 * r - 21 + (u(4, e, 0) * 31)::INTEGER AS enrolled
    FROM drawn
), faded AS (
    SELECT *, CASE WHEN u(5, e, 0) < 0.55 THEN begin + 10 + (u(6, e, 0) * 300)::INTEGER ELSE 99999 END AS fade
    FROM dated
)
SELECT *, greatest(begin, enrolled) AS start, least(fade + 14, leave, {LAST_DAY}) AS stop
FROM (
    SELECT *, CASE WHEN fade < 99999 AND u(7, e, 0) < 0.3 THEN fade + 7 + (u(8, e, 0) * 60)::INTEGER
                   ELSE 99999 END AS leave
    FROM faded
);
"""

ACTIVE = f"""
CREATE TABLE active AS
SELECT e, d::INTEGER d, (0.3 - level * ln(1 - u(10, e, d)))::FLOAT w
FROM people, range({FIRST_DAY}, {LAST_DAY}) t(d)
WHERE d BETWEEN start AND leave - 1
  AND u(11, e, d) < $daily * level * (CASE WHEN d >= fade THEN 0.04 ELSE 1 END)
                   * (CASE WHEN (d + u(12, e, 0) * 7)::INTEGER % 7 < 4 THEN 1.3 ELSE 0.6 END);
"""

ONCE = {
    "students": f"""
        SELECT sid(s) student_id, 'Student ' || s display_name, '{ZONE}' time_zone, 'curator-' || (s % 40) curator,
               'group-' || (s % 2000) AS "group", s % 9 = 0 is_minor, 'search' acquisition_channel, NULL gender,
               NULL age_band, NULL region, NULL disability, moment({FIRST_DAY} - 60, 0) known_at
        FROM range($students) t(s)""",
    "courses": f"""
        SELECT run(r) course_id, 'Run ' || r title, moment({FIRST_DAY} + 14 * r, 0) starts_at,
               moment({FIRST_DAY} + 14 * r + 364, 0) ends_at, NULL curator, CASE WHEN r % 2 = 0 THEN 48 END AS lessons,
               CASE WHEN r % 2 = 0 THEN 120.0 END AS hours, moment({FIRST_DAY} - 90, 0) known_at
        FROM range({RUNS}) t(r)""",
    "enrolments": """
        SELECT eid(e) enrolment_id, sid(s) student_id, run(r) course_id, happened AS occurred_at,
               NULL starts_at, NULL ends_at, (u(20, e, 0) * u(21, e, 0) * 4)::INTEGER prior_attempts,
               30.0 * (1 + v + (u(22, e, 0) * 3)::INTEGER) study_load, 4900000 price_minor,
               CASE WHEN v = 0 THEN heard(happened, u(23, e, 0))
                    ELSE moment(start + 30, 43200 * u(24, e, 0)) END AS known_at
        FROM (SELECT *, moment(enrolled, 36000 + 36000 * u(25, e, 0)) AS happened FROM people), range(2) t(v)
        WHERE v = 0 OR u(26, e, 0) < 0.03""",
    "assignments": f"""
        SELECT run(r) || '-hw' || k assignment_id, run(r) course_id, 'Homework ' || k title,
               moment({FIRST_DAY} + 14 * r + 14 + $pace * k::INTEGER + 4 * v, 86340) due_at,
               100.0 / $assignments weight,
               moment({FIRST_DAY} + (14 * r + $pace * k::INTEGER) * v - 90 * (1 - v), 0) known_at
        FROM range({RUNS}) t(r), range($assignments) a(k), range(2) w(v) WHERE v = 0 OR (r + k) % 10 = 0""",
}

MONTHLY = {
    "activity": """
        WITH bursts AS (
            SELECT e, d, least(floor(w * $clicks + u(30, e, d)), 400)::INTEGER n, 25200 + 50000 * sqrt(u(31, e, d)) s
            FROM active WHERE d BETWEEN $from AND $to
        ), each AS (SELECT *, unnest(range(n)) k FROM bursts), drawn AS (
            SELECT *, moment(d, s + 45 * k % 7200 + 40 * u(32, e, 512 * d + k)) AS happened, u(33, e, 512 * d + k) x,
                   u(34, e, 512 * d + k) y, u(35, e, 512 * d + k) z
            FROM each
        ), kinds AS (
            SELECT *, CASE WHEN k = 0 OR x < 0.08 THEN 'login' WHEN x < 0.33 THEN 'lesson' WHEN x < 0.62 THEN 'content'
                WHEN x < 0.73 THEN 'forum' WHEN x < 0.82 THEN 'quiz' WHEN x < 0.90 THEN 'homework'
                WHEN x < 0.95 THEN 'lesson_completed' WHEN x < 0.97 THEN 'live' ELSE 'other' END AS kind
            FROM drawn
        )
        SELECT name('a', d, e, k) event_id, eid(e) enrolment_id, kind,
               CASE WHEN kind IN ('lesson', 'lesson_completed')
                    THEN 'l' || (e % 8) || '-' || ((d - $first) // 8 + (3 * y)::INTEGER)
                    WHEN kind IN ('content', 'forum', 'quiz', 'homework')
                    THEN kind[1] || (e % 8) || '-' || ((d - $first) // 2 + (9 * y)::INTEGER) END AS object_id,
               CASE WHEN kind IN ('content', 'forum', 'lesson') THEN 1 + floor(-2 * ln(1 - y)) ELSE 1.0 END AS quantity,
               happened AS occurred_at, heard(happened, z) known_at
        FROM kinds""",
    "videos": """
        WITH sittings AS (
            SELECT e, d, least(floor(w * $sittings + u(40, e, d)), 40)::INTEGER n, 28000 + 45000 * u(41, e, d) s
            FROM active WHERE d BETWEEN $from AND $to
        ), each AS (SELECT *, unnest(range(n)) j FROM sittings), drawn AS (
            SELECT *, u(42, e, 64 * d + j) x, u(43, e, 64 * d + j) y, u(44, e, 64 * d + j) z, u(45, e, 64 * d + j) q
            FROM each
        ), steps AS (
            SELECT *, unnest(list_filter(['opened', 'watched', CASE WHEN x < 0.4 THEN 'skipped' END,
                CASE WHEN y < 0.2 THEN 'rewatched' END, 'watched',
                CASE WHEN z < 0.62 THEN 'completed' WHEN z < 0.9 THEN 'left' END], lambda step: step IS NOT NULL)) kind,
                unnest(range(1 + 1 + (x < 0.4)::INTEGER + (y < 0.2)::INTEGER + 1 + (z < 0.9)::INTEGER)) k
            FROM drawn
        ), placed AS (SELECT *, moment(d, s + 900 * j % 10000 + 120 * k + 60 * x) AS happened FROM steps)
        SELECT name('v', d, e, 8 * j + k) event_id, eid(e) enrolment_id,
               'v' || (e % 8) || '-' || ((d - $first) // 7 + (3 * q)::INTEGER) video_id, kind,
               CASE WHEN kind IN ('watched', 'skipped', 'rewatched') THEN round(20 + 500 * (CASE WHEN k % 2 = 0 THEN y
                   ELSE q END), 1) ELSE 0.0 END AS seconds,
               CASE WHEN kind IN ('completed', 'left') THEN (CASE WHEN kind = 'left' THEN round(x, 2) ELSE 1.0 END) END
                   AS progress,
               CASE WHEN kind = 'watched' THEN [1.0, 1.0, 1.0, 1.25, 1.5, 2.0][1 + floor(q * 6)::INTEGER] END AS speed,
               happened AS occurred_at, heard(happened, u(46, e, 512 * d + 8 * j + k)) known_at
        FROM placed""",
    "submissions": f"""
        WITH work AS (
            SELECT e, r, k::INTEGER k, v, start, stop, u(50, e, k) x, u(51, e, k) y, u(52, e, k) z,
                   {FIRST_DAY} + 14 * (r + 1) + $pace * k::INTEGER + floor(6 * (u(53, e, k) - 0.75))::INTEGER + 3 * v d
            FROM people, range($assignments) t(k), range(2) w(v)
        ), done AS (
            SELECT *, moment(d, 30000 + 50000 * z) AS happened FROM work
            WHERE d >= start AND d < stop AND x < 0.8 AND (v = 0 OR y < 0.08) AND d BETWEEN $from AND $to
        )
        SELECT name('h', d, e, 2 * k + v) submission_id, eid(e) enrolment_id, run(r) || '-hw' || k assignment_id,
               happened AS occurred_at, heard(happened, y) known_at,
               CASE WHEN z < 0.9 THEN round(30 + 70 * sqrt(y)) END AS score,
               CASE WHEN z < 0.9 THEN after(heard(happened, y), 86400 * (0.2 + 7 * x)) END AS score_known_at,
               false carried_over
        FROM done""",
    "tickets": """
        WITH asked AS (
            SELECT i, e, s, start + floor(u(61, i, 0) * greatest(stop - start, 1))::INTEGER d, u(62, i, 0) x,
                   u(63, i, 0) y, u(64, i, 0) z
            FROM range($tickets) t(i) JOIN people ON e = (u(60, i, 0) * ($enrolments - 1))::INTEGER
        ), steps AS (
            SELECT *, unnest(list_filter(['opened', 'responded', CASE WHEN x < 0.03 THEN 'cancel_requested' END,
                CASE WHEN x > 0.985 THEN 'refund_requested' END, CASE WHEN y < 0.93 THEN 'resolved' END,
                CASE WHEN y < 0.06 THEN 'reopened' END, CASE WHEN z < 0.3 THEN 'rated' END],
                lambda step: step IS NOT NULL)) event
            FROM asked WHERE d BETWEEN $from AND $to
        ), placed AS (
            SELECT *, after(moment(d, 32000 + 40000 * x), CASE event WHEN 'opened' THEN 0 WHEN 'responded'
                THEN 36000 * y * y WHEN 'resolved' THEN 36000 + 260000 * z WHEN 'reopened' THEN 400000
                WHEN 'rated' THEN 420000 ELSE 5000 END) AS happened
            FROM steps
        )
        SELECT 't' || i || '-' || event event_id, 't' || i ticket_id, sid(s) student_id,
               CASE WHEN z < 0.6 THEN eid(e) END AS enrolment_id, event,
               ['access', 'payment', 'functionality', 'content'][1 + floor(x * 4)::INTEGER] category,
               CASE WHEN y < 0.02 THEN 'P1' WHEN y < 0.25 THEN 'P2' ELSE 'P3' END AS priority,
               CASE WHEN event = 'rated' THEN 1 + floor(x * 5) END AS score,
               happened AS occurred_at, heard(happened, u(65, i, length(event))) known_at
        FROM placed""",
    "ratings": """
        SELECT 'r' || i event_id, sid(s) student_id, eid(e) enrolment_id, 1 + floor(5 * sqrt(x)) AS value,
               happened AS occurred_at, heard(happened, u(73, i, 0)) known_at
        FROM (SELECT *, u(70, i, 0) x, moment(start + floor(u(71, i, 0) * greatest(stop - start, 1))::INTEGER,
                    30000 + 50000 * u(72, i, 0)) AS happened
              FROM range($ratings) t(i) JOIN people ON e = (u(74, i, 0) * ($enrolments - 1))::INTEGER)
        WHERE local_day(happened) BETWEEN $from AND $to""",
    "nps": """
        SELECT 'n' || i event_id, sid(s) student_id, NULL enrolment_id, floor(11 * sqrt(x)) AS value,
               happened AS occurred_at, heard(happened, u(83, i, 0)) known_at
        FROM (SELECT *, u(80, i, 0) x, moment(start + floor(u(81, i, 0) * greatest(stop - start, 1))::INTEGER,
                    30000 + 50000 * u(82, i, 0)) AS happened
              FROM range($nps) t(i) JOIN people ON e = (u(84, i, 0) * ($enrolments - 1))::INTEGER)
        WHERE local_day(happened) BETWEEN $from AND $to""",
    "live": f"""
        WITH held AS (
            SELECT e, r, c, u(90, e, c) x, {FIRST_DAY} + 14 * r + 5 + ($rhythm * c)::INTEGER AS d
            FROM people, range($classes) t(c)
            WHERE d >= start AND d < leave AND d < {LAST_DAY} AND d BETWEEN $from AND $to
        ), steps AS (
            SELECT h.*, unnest(CASE WHEN h.d >= p.fade OR x > 0.55 THEN ['held'] WHEN x < 0.1
                THEN ['held', 'attended', 'spoke', 'wrote'] ELSE ['held', 'attended'] END) kind
            FROM held h JOIN people p USING (e)
        ), placed AS (SELECT *, moment(d, 68400 + length(kind)) AS happened FROM steps)
        SELECT name(kind[1:2], d, e, 0) event_id, eid(e) enrolment_id, run(r) || '-class' || c class_id, kind,
               CASE WHEN kind IN ('spoke', 'wrote') THEN 1 + floor(50 * x) ELSE 1.0 END AS quantity,
               happened AS occurred_at, heard(happened, u(91, e, d)) known_at
        FROM placed""",
    "payments": f"""
        WITH due AS (
            SELECT *, start + ($instalment * k)::INTEGER AS d, u(100, e, k) x, u(101, e, k) y
            FROM people, range($instalments) t(k)
            WHERE start + ($instalment * k)::INTEGER < least(leave, {LAST_DAY})
        )
        SELECT name('p', d, e, k) event_id, sid(s) student_id, CASE WHEN y < 0.9 THEN eid(e) END AS enrolment_id,
               CASE WHEN x < 0.05 THEN 'failed' WHEN x < 0.08 THEN 'card_expiring' WHEN x < 0.09 THEN 'renewed'
                    ELSE 'paid' END AS kind,
               490000 amount_minor, CASE WHEN y < 0.2 THEN 50000 END AS discount_minor,
               CASE WHEN x BETWEEN 0.05 AND 0.08 THEN moment(d + 20, 0) END AS expires_at,
               moment(d, 40000) occurred_at, heard(moment(d, 40000), y) known_at
        FROM due WHERE d BETWEEN $from AND $to""",
    "touches": """
        WITH sent AS (
            SELECT *, u(110, i, 0) x, u(111, i, 0) y,
                   moment(start + floor(u(112, i, 0) * greatest(least(stop + 30, $end) - start, 1))::INTEGER,
                          36000 + 28000 * u(113, i, 0)) AS happened
            FROM range($touches) t(i) JOIN people ON e = (u(114, i, 0) * ($enrolments - 1))::INTEGER
        )
        SELECT 'c' || i touch_id, sid(s) student_id, CASE WHEN y < 0.7 THEN eid(e) END AS enrolment_id,
               ['sms', 'call', 'email', 'messenger', 'push'][1 + floor(x * 5)::INTEGER] channel,
               CASE WHEN v = 0 THEN (CASE WHEN y > 0.96 THEN 'failed' ELSE 'sent' END)
                    WHEN y < 0.15 THEN 'answered' ELSE 'opened' END status,
               NULL AS "action", NULL decision_id, CASE WHEN x < 0.4 THEN 'curator-' || (e % 40) END AS "by",
               happened AS occurred_at, CASE WHEN v = 0 THEN heard(happened, u(115, i, 0))
                   ELSE after(happened, 4 * 86400 + 86400 * x) END AS known_at
        FROM sent, range(2) w(v) WHERE (v = 0 OR y < 0.35) AND local_day(happened) BETWEEN $from AND $to""",
    "outcomes": f"""
        SELECT 'o' || e || kind[1] event_id, eid(e) enrolment_id, kind,
               moment(leave, 40000) occurred_at, heard(moment(leave, 40000), u(120, e, 0)) known_at
        FROM (SELECT *, CASE WHEN u(121, e, 0) < 0.8 THEN 'withdrawal' ELSE 'refund' END AS kind FROM people)
        WHERE leave < {LAST_DAY} AND leave BETWEEN $from AND $to""",
}


def make(out: Path, events: int, students: int | None = None) -> None:
    """Makes a school with about ``events`` events.

    Args:
        out: its home; must not hold a lake yet.
        events: rows of all event tables together (a few per cent more or less).
        students: by default a hundredth of the events, at most 100,000.

    Raises:
        FileExistsError: there is a lake already.
    """
    lake = out / "lake"
    if (lake / "manifest.json").exists():
        raise FileExistsError(f"{lake} holds a lake already")
    students = students or min(max(events // 100, 50), 100_000)
    enrolments = students + students // 20
    each = events / enrolments
    with duckdb.connect() as db:
        db.execute("SET memory_limit = '4GB'; SET preserve_insertion_order = false; SET enable_progress_bar = false")
        db.execute(MACROS)
        values = {"students": students, "enrolments": enrolments, "first": FIRST_DAY, "end": LAST_DAY}
        db.execute(PEOPLE, {name: values[name] for name in ("students", "enrolments")})
        db.execute(ACTIVE, {"daily": min(0.33 * (each / 500) ** 0.5, 0.5)})
        values |= _volumes(db, events, each)
        files = [_write(db, lake, "00000-made", table, query, values) for table, query in ONCE.items()]
        for month, start in enumerate(range(FIRST_DAY, LAST_DAY, 28), 1):
            span = {"from": start, "to": start + 27}
            for table, query in MONTHLY.items():
                files.append(_write(db, lake, f"{month:05d}-made", table, query, values | span))
    kept = [file for file in files if file["rows"]]
    manifest = {"batches": _batches(kept), "files": kept, "zone": ZONE}
    replace_file(lake / "manifest.json", json.dumps(manifest, indent=1).encode())


def split_night(made: Path, out: Path) -> dict[str, dict[str, object]]:
    """Makes a school of the same rows; those known on the day before the last cut-off are an import of their own.

    Args:
        made: the home of a school of `make`; its files are linked to.
        out: the other home; must not hold a lake yet.

    Returns:
        The manifests of its lake `before` that import and `after` it; the former is in its place.
    """
    manifest = json.loads((made / "lake" / "manifest.json").read_text("utf-8"))
    last, night = manifest["batches"][-1]["id"], "99999-night"
    batches = out / "lake" / "batches"
    for name in (last, night):
        (batches / name).mkdir(parents=True)
    for folder in (made / "lake" / "batches").iterdir():
        if folder.name != last:
            (batches / folder.name).symlink_to(folder.resolve())
    files = [file for file in manifest["files"] if Path(file["path"]).parent.name != last]
    new = []
    for file in manifest["files"][len(files) :]:
        rows = pq.read_table(made / "lake" / file["path"])
        is_new = pc.equal(rows["known_day"], day_number(cuts()[-1]) - 1)
        files += _part(file, rows.filter(pc.invert(is_new)), out, last)
        new += _part(file, rows.filter(is_new), out, night)
    before = manifest | {"files": files}
    imported = manifest["batches"][-1] | {"id": night, "digest": night}
    after = before | {"files": files + new, "batches": [*manifest["batches"], imported]}
    replace_file(out / "lake" / "manifest.json", json.dumps(before).encode())
    return {"before": before, "after": after}


def _part(file: dict[str, object], rows: pa.Table, out: Path, batch: str) -> list[dict[str, object]]:
    if not rows.num_rows:
        return []
    path = out / "lake" / "batches" / batch / Path(str(file["path"])).name
    pq.write_table(rows, path, compression="zstd")
    last = pc.max(rows["known_day"]).as_py()
    name = str(path.relative_to(out / "lake"))
    return [file | {"path": name, "rows": rows.num_rows, "last_known_day": last}]


def _volumes(db: duckdb.DuckDBPyConnection, events: int, each: float) -> dict[str, float]:
    """How much of everything there is to be, in the terms of the queries."""
    weight = db.execute("SELECT sum(w) FROM active").fetchall()[0][0]
    volumes = {name: round(events * SHARES[name]) for name in ("ratings", "nps", "touches")}
    volumes["touches"] = round(volumes["touches"] / 1.35)
    volumes["tickets"] = round(events * SHARES["tickets"] / 3.35)
    assignments = max(round(each * SHARES["submissions"] / 0.52), 2)
    classes = max(round(each * SHARES["live"] / 1.1), 2)
    instalments = max(round(each * SHARES["payments"] / 0.85), 1)
    return volumes | {
        "clicks": events * SHARES["activity"] / weight,
        "sittings": events * SHARES["videos"] / weight / 4.5,
        "assignments": assignments,
        "pace": 280 // assignments,
        "classes": classes,
        "rhythm": 290 / classes,
        "instalments": instalments,
        "instalment": 300 / instalments,
    }


def _write(
    db: duckdb.DuckDBPyConnection, lake: Path, batch: str, table: str, query: str, values: dict[str, float]
) -> dict[str, object]:
    """Writes one file as the lake would, in order of arrival; returns its line of the manifest."""
    days = [f"local_day({n}) AS {day_column(n)}" for n, c in TABLES[table].columns.items() if c.kind == "time"]
    named = {name: values[name] for name in re.findall(r"\$([a-z]+)", query)}
    found = db.sql(f"SELECT *, {', '.join(days)} FROM ({query}) ORDER BY known_at, 1", params=named)
    schema = pa.Schema.from_pandas(with_days(empty(table), ZONE), preserve_index=False)
    path = lake / "batches" / batch / f"{table}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, last = 0, 0
    with pq.ParquetWriter(path, schema, compression="zstd") as out:
        for part in found.to_arrow_reader(1 << 20):
            if part.num_rows:
                whole = pa.Table.from_batches([part]).select(schema.names).cast(schema)
                out.write_table(whole)
                rows += whole.num_rows
                last = whole["known_day"][-1].as_py()
    if not rows:
        path.unlink()
    return {"table": table, "path": str(path.relative_to(lake)), "rows": rows, "last_known_day": last}


def _batches(files: list[dict[str, object]]) -> list[dict[str, object]]:
    batches: dict[str, dict[str, int]] = {}
    for file in files:
        batches.setdefault(Path(str(file["path"])).parent.name, {})[str(file["table"])] = int(str(file["rows"]))
    return [
        {"id": name, "source": "made", "digest": name, "added_at": f"{FIRST}T00:00:00+00:00", "report": {"kept": kept}}
        for name, kept in batches.items()
    ]


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Make a large school to measure speed on.")
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--students", type=int, help="a hundredth of the events, at most 100,000, when left out")
    parser.add_argument("--out", type=Path, required=True, help="the school's home, new")
    wanted = parser.parse_args()
    make(wanted.out, wanted.events, wanted.students)


if __name__ == "__main__":
    main()
