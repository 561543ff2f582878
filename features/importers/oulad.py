"""OULAD, the Open University Learning Analytics Dataset in its published CSV layout: all seven tables.

The set says days, never hours. What happens on a day is put at its noon and is known by the last second of it,
so it counts from the next local midnight on. A registration is known when it is made. What else is assumed
(day 0 of a run, when a score is known) is a setting, `configs/importers.toml`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from features.config import School
from features.errors import BadInput
from features.importers.inputs import Progress, digest, present, rejects, silent
from features.importers.numbering import Numbering
from features.importers.oulad_calendar import Calendar
from features.lake import Batch, ImportReport, Lake

CHUNK_ROWS = 500_000

COLUMNS = {
    "courses.csv": ("code_module", "code_presentation", "module_presentation_length"),
    "assessments.csv": ("code_module", "code_presentation", "id_assessment", "assessment_type", "date", "weight"),
    "vle.csv": ("id_site", "activity_type"),
    "studentInfo.csv": (
        *("code_module", "code_presentation", "id_student", "gender", "region", "age_band"),
        *("num_of_prev_attempts", "studied_credits", "disability", "final_result"),
    ),
    "studentRegistration.csv": (
        *("code_module", "code_presentation", "id_student", "date_registration", "date_unregistration"),
    ),
    "studentAssessment.csv": ("id_assessment", "id_student", "date_submitted", "is_banked", "score"),
    "studentVle.csv": ("code_module", "code_presentation", "id_student", "id_site", "date", "sum_click"),
}

# The home page of a run is opened by entering it: the set's nearest thing to a login.
KINDS = {
    "homepage": "login",
    **dict.fromkeys(("oucontent", "resource", "page", "url", "subpage", "sharedsubpage", "folder"), "content"),
    **dict.fromkeys(("htmlactivity", "repeatactivity", "dualpane", "glossary", "dataplus", "ouwiki"), "content"),
    "forumng": "forum",
    **dict.fromkeys(("quiz", "externalquiz"), "quiz"),
    **dict.fromkeys(("oucollaborate", "ouelluminate"), "live"),
}


def load(school: School, folder: Path, progress: Progress | None = None) -> ImportReport:
    """Imports the set, or any part of it in the same layout.

    Args:
        school: where to.
        folder: holds the seven CSV files.
        progress: told how many bytes are read.

    Returns:
        What was read, kept and set aside.

    Raises:
        BadInput: a file or a column is missing, or a file cannot be read at all; then nothing is added.
        BadConfig: the settings do not say when a run started.
    """
    settings = school.config("importers")["oulad"]
    files = _files(folder)
    lake = Lake(school.lake, school.zone)
    name = digest("oulad", {"settings": settings, "zone": school.zone}, files.values())
    if lake.already_added(name):
        return ImportReport("oulad", repeated=True)
    with lake.adding("oulad", name) as batch:
        _Import(batch, files, Calendar.of(settings, school.zone), progress or silent).run()
    return batch.report


def _files(folder: Path) -> dict[str, Path]:
    missing = [name for name in COLUMNS if not (folder / name).is_file()]
    if missing:
        raise BadInput(
            f"lacks {', '.join(missing)}",
            where=str(folder),
            mend=f"Point to the folder that holds the seven files of OULAD: {', '.join(COLUMNS)}",
        )
    return {name: present(folder / name) for name in COLUMNS}


class _Import:
    def __init__(self, batch: Batch, files: dict[str, Path], calendar: Calendar, progress: Progress) -> None:
        self.batch, self.files, self.calendar, self.progress = batch, files, calendar, progress
        self.total = sum(path.stat().st_size for path in files.values())
        self.done = 0

    def run(self) -> None:
        self.courses()
        runs = self.assignments()
        self.people()
        self.submissions(runs)
        self.clicks()

    def chunks(self, name: str) -> Iterator[pd.DataFrame]:
        """A file's rows as text; the index is the line number, `course_id` is added where there is a run."""
        path = self.files[name]
        try:
            with path.open("rb") as raw:
                reader = pd.read_csv(
                    raw, dtype="str", keep_default_na=False, na_values=["", "?"], chunksize=CHUNK_ROWS, index_col=False
                )
                for chunk in reader:
                    chunk.index += 2
                    yield self.with_course(name, chunk)
                    self.progress(self.done + min(raw.tell(), path.stat().st_size), self.total, name)
        except UnicodeDecodeError as error:
            raise BadInput("is not UTF-8 text", where=name, mend="Take the file as it is published") from error
        except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
            raise BadInput(
                f"is not a sound CSV file: {reason}", where=name, mend="Mend that line, or take the file anew"
            ) from error
        self.done += path.stat().st_size

    def with_course(self, name: str, chunk: pd.DataFrame) -> pd.DataFrame:
        missing = [column for column in COLUMNS[name] if column not in chunk]
        if missing:
            raise BadInput(
                f"lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}",
                where=name,
                mend=f"Its columns are: {', '.join(map(str, chunk.columns))}. Use the published layout",
            )
        if "code_presentation" in COLUMNS[name]:
            chunk["course_id"] = chunk["code_module"] + "-" + chunk["code_presentation"]
        if "id_student" in chunk and "course_id" in chunk:
            chunk["enrolment_id"] = chunk["course_id"] + "-" + chunk["id_student"]
        return chunk

    def table(self, name: str) -> pd.DataFrame:
        return pd.concat(list(self.chunks(name)))

    def whole(self, table: str, file: str, frame: pd.DataFrame, column: str, needed: bool = False) -> pd.DataFrame:
        """Makes a column of text whole numbers (Int64); rows where it is something else are set aside."""
        number = pd.to_numeric(frame[column], errors="coerce")
        wrong = (number.isna() | (number % 1 != 0)) & (frame[column].notna() | needed)
        found = rejects(
            table,
            file,
            frame.index[wrong].to_series(),
            column=column,
            reason="is not a whole number",
            mend="Take the file as it is published; if it was cut, fetch it again",
            values=frame.loc[wrong, column],
        )
        self.batch.set_aside(table, found)
        return frame[~wrong].assign(**{column: number[~wrong].astype("Int64")})

    def courses(self) -> None:
        file = "courses.csv"
        rows = self.whole("courses", file, self.table(file), "module_presentation_length", needed=True)
        day0 = self.calendar.day0(rows["code_presentation"])
        courses = pd.DataFrame(
            {
                "course_id": rows["course_id"],
                "starts_at": self.calendar.start(day0),
                "ends_at": self.calendar.start(day0 + rows["module_presentation_length"]),
                "known_at": self.calendar.announced(day0),
            }
        )
        self.batch.write("courses", courses, file=file)

    def assignments(self) -> pd.DataFrame:
        """Writes them; gives the run of each (index `id_assessment`)."""
        file = "assessments.csv"
        rows = self.whole("assignments", file, self.table(file), "date")
        day0 = self.calendar.day0(rows["code_presentation"])
        number = rows.sort_values("date", kind="stable").groupby(["course_id", "assessment_type"]).cumcount() + 1
        assignments = pd.DataFrame(
            {
                "assignment_id": rows["id_assessment"],
                "course_id": rows["course_id"],
                "title": rows["assessment_type"] + " " + number.reindex(rows.index).astype("str"),
                "due_at": self.calendar.end(day0 + rows["date"]),
                "weight": rows["weight"],
                "known_at": self.calendar.announced(day0),
            }
        )
        self.batch.write("assignments", assignments, file=file)
        return rows.drop_duplicates("id_assessment").set_index("id_assessment")[["course_id", "code_presentation"]]

    def people(self) -> None:
        """Students, enrolments and withdrawals."""
        file, registered = "studentInfo.csv", self.registrations()
        rows = self.table(file)
        unmatched = ~registered.index.isin(rows["enrolment_id"])
        self.batch.ignore(f"studentRegistration.csv: the student is not in {file}", int(unmatched.sum()))
        own = registered.reindex(rows["enrolment_id"]).set_axis(rows.index)
        day0 = self.calendar.day0(rows["code_presentation"])
        noon = self.calendar.noon(day0 + own["date_registration"].fillna(0))
        enrolments = pd.DataFrame(
            {
                "enrolment_id": rows["enrolment_id"],
                "student_id": rows["id_student"],
                "course_id": rows["course_id"],
                "occurred_at": noon,
                "prior_attempts": rows["num_of_prev_attempts"],
                "study_load": rows["studied_credits"],
                "known_at": noon,
            }
        )
        students = (
            rows[["id_student", "gender", "age_band", "region", "disability"]]
            .rename(columns={"id_student": "student_id"})
            .assign(known_at=noon)
            .sort_values("known_at", kind="stable")
            .drop_duplicates(["student_id", "gender", "age_band", "region", "disability"])
            .sort_index()
        )
        self.batch.write("students", students, file=file)
        self.batch.write("enrolments", enrolments, file=file)
        undated = (rows["final_result"] == "Withdrawn") & own["date_unregistration"].isna()
        self.batch.ignore("final_result is Withdrawn and date_unregistration is empty", int(undated.sum()))

    def registrations(self) -> pd.DataFrame:
        """Writes the withdrawals; gives the days of registration and unregistration (index `enrolment_id`)."""
        file = "studentRegistration.csv"
        rows = self.whole("enrolments", file, self.table(file), "date_registration")
        rows = self.whole("outcomes", file, rows, "date_unregistration")
        left = rows[rows["date_unregistration"].notna()]
        day = self.calendar.day0(left["code_presentation"]) + left["date_unregistration"]
        outcomes = pd.DataFrame(
            {
                "event_id": left["enrolment_id"] + ":withdrawal",
                "enrolment_id": left["enrolment_id"],
                "kind": "withdrawal",
                "occurred_at": self.calendar.noon(day),
                "known_at": self.calendar.end(day),
            }
        )
        self.batch.write("outcomes", outcomes, file=file)
        again = rows["enrolment_id"].duplicated()
        self.batch.ignore(f"{file}: a second registration of the same student in the same run", int(again.sum()))
        return rows[~again].set_index("enrolment_id")[["date_registration", "date_unregistration"]]

    def submissions(self, runs: pd.DataFrame) -> None:
        file = "studentAssessment.csv"
        rows = self.whole("submissions", file, self.table(file), "date_submitted", needed=True)
        unknown = ~rows["id_assessment"].isin(runs.index)
        found = rejects(
            "submissions",
            file,
            rows.index[unknown].to_series(),
            column="id_assessment",
            reason="is not in assessments.csv",
            mend="Take both files from the same set",
            values=rows.loc[unknown, "id_assessment"],
        )
        self.batch.set_aside("submissions", found)
        rows = rows[~unknown].join(runs, on="id_assessment")
        enrolment = rows["course_id"] + "-" + rows["id_student"]
        day = self.calendar.day0(rows["code_presentation"]) + rows["date_submitted"]
        submissions = pd.DataFrame(
            {
                "submission_id": enrolment + ":" + rows["id_assessment"],
                "enrolment_id": enrolment,
                "assignment_id": rows["id_assessment"],
                "occurred_at": self.calendar.noon(day),
                "known_at": self.calendar.end(day),
                "score": rows["score"],
                "score_known_at": self.calendar.scored(day).where(rows["score"].notna()),
                "carried_over": rows["is_banked"],
            }
        )
        self.batch.write("submissions", submissions, file=file)

    def clicks(self) -> None:
        """Activity. Rows that look like exact duplicates are real: a running number keeps them apart."""
        file = "studentVle.csv"
        sites = self.table("vle.csv").drop_duplicates("id_site").set_index("id_site")["activity_type"]
        kinds = sites.map(KINDS).fillna("other")
        numbering = Numbering()
        for chunk in self.chunks(file):
            rows = self.whole("activity", file, chunk, "date", needed=True)
            day = self.calendar.day0(rows["code_presentation"]) + rows["date"]
            key = rows["enrolment_id"] + ":" + rows["date"].astype("str") + ":" + rows["id_site"]
            # The clicks are part of the key, so that the ids do not hang on the order of the rows.
            key = key + ":" + rows["sum_click"]
            number = numbering.number(pd.util.hash_pandas_object(key, index=False).to_numpy("uint64"))
            activity = pd.DataFrame(
                {
                    "event_id": key + ":" + pd.Series(number, index=rows.index).astype("str"),
                    "enrolment_id": rows["enrolment_id"],
                    "kind": rows["id_site"].map(kinds).fillna("other"),
                    "object_id": rows["id_site"],
                    "quantity": rows["sum_click"],
                    "occurred_at": self.calendar.noon(day),
                    "known_at": self.calendar.end(day),
                }
            )
            self.batch.write("activity", activity, file=file)
