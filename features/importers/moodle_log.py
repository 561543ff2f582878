"""Rows of Moodle's standard log as facts: what a student did, what was done to one, what was handed in and graded.

The columns are those of `logstore_standard_log` in Moodle's own `install.xml`. Who does a thing is `userid`; whom it is
done to is `relateduserid`, so enrolments, completions and grades are facts about the latter, whoever made them and by
whatever means; only what a person did with the mouse is activity.
"""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from features.importers.cells import moments

COLUMNS = (
    *("id", "eventname", "component", "action", "target", "edulevel", "contextlevel", "contextinstanceid"),
    *("userid", "courseid", "relateduserid", "other", "timecreated", "origin", "realuserid"),
)

KINDS = {
    **dict.fromkeys(("mod_forum", "mod_hsuforum"), "forum"),
    **dict.fromkeys(("mod_quiz", "mod_choice", "mod_feedback", "mod_survey", "mod_h5pactivity", "mod_hvp"), "quiz"),
    **dict.fromkeys(("mod_assign", "mod_workshop"), "homework"),
    **dict.fromkeys(("mod_lesson", "mod_scorm", "mod_book"), "lesson"),
    **dict.fromkeys(("mod_page", "mod_url", "mod_resource", "mod_folder", "mod_label", "mod_imscp"), "content"),
    **dict.fromkeys(("mod_glossary", "mod_wiki", "mod_data"), "content"),
    **dict.fromkeys(("mod_bigbluebuttonbn", "mod_zoom", "mod_chat"), "live"),
}
ENROLLED = "\\core\\event\\user_enrolment_created"
WITHDRAWN = "\\core\\event\\user_enrolment_deleted"
COMPLETED = "\\core\\event\\course_completed"
MODULE_DONE = "\\core\\event\\course_module_completion_updated"
GRADED = "\\core\\event\\user_graded"
_ABOUT_ANOTHER = (ENROLLED, WITHDRAWN, COMPLETED, MODULE_DONE, GRADED)
_NOBODY = ("", "0", "-1")
_MODULE = "70"  # contextlevel of an activity of a course: contextinstanceid is then its number in course_modules
_DONE = ("1", "2")  # complete; complete with a pass. 3 is complete with a fail

# `other` is JSON, or PHP's own form in logs of older versions.
_STATE = r'completionstate"[:;](?:i:|s:\d+:)?"?(\d+)'
_OTHER_ENROLMENTS = r'lastenrol"[:;](?:false|b:0|"?0)'
_ITEM = r'itemid"[:;](?:i:|s:\d+:)?"?(\d+)'
_GRADE = r'finalgrade"[:;](?:[id]:|s:\d+:)?"?(\d+(?:\.\d+)?)'


class Facts(NamedTuple):
    """What some rows say; each frame has `enrolment_id`, `student_id`, `course_id`, `occurred_at`, `known_at`, `line`.

    Attributes:
        activity: with `event_id`, `kind`, `object_id`.
        enrolled: enrolments made.
        ended: with `event_id`, `kind` of outcome.
        submissions: with `event_id`, `assignment_id`.
        grades: with `item`, `grade`.
        ignored: reason -> how many rows are no facts.
        broken: (rows, column, reason, mend) that cannot be read.
    """

    activity: pd.DataFrame
    enrolled: pd.DataFrame
    ended: pd.DataFrame
    submissions: pd.DataFrame
    grades: pd.DataFrame
    ignored: dict[str, int]
    broken: list[tuple[pd.DataFrame, str, str, str]]


class _Sieve:
    """Takes rows out and keeps count of why."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.rows, self.counts = rows, dict[str, int]()

    def out(self, reason: str, where: pd.Series) -> None:
        if where.any():
            self.counts[reason] = self.counts.get(reason, 0) + int(where.sum())
            self.rows = self.rows[~where]


def facts(rows: pd.DataFrame, known_after_hours: float, not_students: frozenset[str]) -> Facts:
    """The facts of some rows.

    Args:
        rows: (n, `COLUMNS`) text; the index is the row's number in its file or query.
        known_after_hours: how long after it happened a row is known.
        not_students: ids of the staff and of guests.
    """
    rows, broken = _readable(rows)
    about = rows["eventname"].isin(_ABOUT_ANOTHER)
    handed_in = (rows["action"] == "submitted") & rows["target"].isin(["assessable", "attempt"])
    related = rows["relateduserid"].where(~rows["relateduserid"].isin(_NOBODY), rows["userid"])
    rows = rows.assign(
        about=about,
        handed_in=handed_in,
        student_id=related.where(about | handed_in, rows["userid"]),
        course_id=rows["courseid"],
        line=rows.index,
        event_id="moodle:" + rows["id"],
        known_at=rows["occurred_at"] + pd.Timedelta(hours=known_after_hours),
    )
    sieve = _Sieve(rows)
    sieve.out("of no course", rows["courseid"].isin(_NOBODY))
    sieve.out("of the front page", sieve.rows["courseid"] == "1")
    sieve.out("of nobody who was logged in", sieve.rows["student_id"].isin(_NOBODY))
    sieve.out("of people who are no students, by importers.toml", sieve.rows["student_id"].isin(not_students))
    rows = sieve.rows.assign(enrolment_id=lambda kept: kept["course_id"] + ":" + kept["student_id"])
    done = _module_done(rows)
    return Facts(
        activity=pd.concat([_activity(rows[~rows["about"]], sieve), done]).sort_index(kind="stable"),
        enrolled=rows[rows["eventname"] == ENROLLED],
        ended=_ended(rows, sieve),
        submissions=rows[rows["handed_in"]].assign(assignment_id=lambda kept: kept["contextinstanceid"]),
        grades=_grades(rows[rows["eventname"] == GRADED], sieve),
        ignored=sieve.counts | _not_done(rows, done),
        broken=broken,
    )


def _readable(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[tuple[pd.DataFrame, str, str, str]]]:
    mend = "Export the row again, with the columns as they are in the database"
    occurred_at, _ = moments(rows["timecreated"], ("unix",))
    rows = rows.assign(occurred_at=occurred_at)
    broken = []
    for column, wrong, reason in (
        ("id", ~rows["id"].str.fullmatch(r"\d+").astype(bool), "is not the number of a row"),
        ("timecreated", occurred_at.isna(), "is not a moment in seconds from 1970"),
    ):
        wrong = wrong.reindex(rows.index)
        if wrong.any():
            broken.append((rows[wrong], column, reason, mend))
            rows = rows[~wrong]
    return rows, broken


def _activity(rows: pd.DataFrame, sieve: _Sieve) -> pd.DataFrame:
    """What people did themselves, by mouse or app."""
    own = _Sieve(rows)
    own.out("logged in as somebody else", ~rows["realuserid"].isin(_NOBODY))
    own.out("made by a script", own.rows["origin"].isin(["cli", "restore"]))
    own.out("done by nobody who was logged in", own.rows["userid"].isin(_NOBODY))
    own.out("handed in by another", own.rows["student_id"] != own.rows["userid"])
    own.out("teaching", own.rows["edulevel"] == "1")
    sieve.counts |= own.counts
    rows = own.rows
    component = rows["component"].str.replace(r"^assign(?:submission|feedback)_.*", "mod_assign", regex=True)
    component = component.str.replace(r"^booktool_.*", "mod_book", regex=True)
    home = rows["eventname"] == "\\core\\event\\course_viewed"
    return rows.assign(
        kind=component.map(KINDS).fillna("other").mask(home, "login"),
        object_id=rows["contextinstanceid"].where(rows["contextlevel"] == _MODULE),
    )


def _module_done(rows: pd.DataFrame) -> pd.DataFrame:
    said = rows[rows["eventname"] == MODULE_DONE]
    done = said[said["other"].str.extract(_STATE)[0].isin(_DONE)]
    return done.assign(kind="lesson_completed", object_id=done["contextinstanceid"])


def _not_done(rows: pd.DataFrame, done: pd.DataFrame) -> dict[str, int]:
    count = int((rows["eventname"] == MODULE_DONE).sum()) - len(done)
    return {"an activity that is not complete, or failed": count} if count else {}


def _ended(rows: pd.DataFrame, sieve: _Sieve) -> pd.DataFrame:
    rows = rows[rows["eventname"].isin([WITHDRAWN, COMPLETED])]
    one_of_several = (rows["eventname"] == WITHDRAWN) & rows["other"].str.contains(_OTHER_ENROLMENTS, regex=True)
    own = _Sieve(rows)
    own.out("one way of enrolment ended, another goes on", one_of_several)
    sieve.counts |= own.counts
    kinds = {WITHDRAWN: "withdrawal", COMPLETED: "completion"}
    return own.rows.assign(kind=own.rows["eventname"].map(kinds))


def _grades(rows: pd.DataFrame, sieve: _Sieve) -> pd.DataFrame:
    item, grade = (rows["other"].str.extract(form)[0] for form in (_ITEM, _GRADE))
    own = _Sieve(rows.assign(item=item, grade=pd.to_numeric(grade)))
    own.out("a grade that was taken away", grade.isna() | item.isna())
    sieve.counts |= own.counts
    return own.rows
