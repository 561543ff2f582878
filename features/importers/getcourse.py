"""GetCourse: exports of users, orders, payments and lessons, as the API answers them or as the site saves them.

An export is a snapshot: it says how things are, seldom since when. What carries its own moment (created, paid)
counts from it; a status without one counts from the day in the file's name, and is left out where there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from features.config import School
from features.contracts.tables import ACTIVITY_KINDS, CLOSING_OUTCOMES
from features.importers.cells import ids
from features.importers.exports import same
from features.importers.inputs import Progress, digest, silent
from features.importers.numbering import Numbering
from features.importers.office import Part, People, Versions, by_kind, meanings, money, settings_of, write_identities
from features.lake import Batch, ImportReport, Lake

_NEEDED = {
    "users": ("id", "created"),
    "deals": ("id", "user", "created", "paid", "course", "status"),
    "payments": ("id", "deal", "at", "status", "amount"),
    "lessons": ("user", "course", "lesson", "event", "at"),
}
_TABLE = {"users": "students", "deals": "enrolments", "payments": "payments", "lessons": "activity"}
_MOMENTS = ("created", "paid", "changed", "at")
_WORDS = {
    "statuses": ("paid", *CLOSING_OUTCOMES),
    "payment_statuses": ("paid", "failed", "refunded"),
    "lesson_events": ACTIVITY_KINDS,
}
_NO_DATE = "status {} has no date, in the row or in the file's name"


def load(school: School, path: Path, progress: Progress | None = None) -> ImportReport:
    """Imports exports of GetCourse.

    Args:
        school: where to.
        path: one file, or a folder of them. Their names begin with what they hold (users, deals, payments, lessons)
            and may say when the export was taken: `deals-2025-10-01.csv`.
        progress: told how many bytes are read.

    Returns:
        What was read, kept and set aside.

    Raises:
        BadInput: a file is missing, empty, of no known kind, or lacks a heading; then nothing is added.
        BadConfig: the settings cannot be used.
    """
    settings = settings_of(school, "getcourse", (*_WORDS, "courses"))
    found = by_kind(path, _NEEDED, school.zone)
    lake = Lake(school.lake, school.zone)
    named = [(kind, str(taken)) for kind, _, taken in found]
    settled = {"settings": settings, "zone": school.zone, "files": named}
    name = digest("getcourse", settled, [file for _, file, _ in found])
    if lake.already_added(name):
        return ImportReport("getcourse", repeated=True)
    total, done = sum(file.stat().st_size for _, file, _ in found), 0
    with lake.adding("getcourse", name) as batch:
        one = _Import(batch, school, settings)
        for kind, file, taken in found:
            one.add(kind, file, taken)
            done += file.stat().st_size
            (progress or silent)(done, total, file.name)
    return batch.report


class _Import:
    def __init__(self, batch: Batch, school: School, settings: dict[str, Any]) -> None:
        self.batch, self.settings = batch, settings
        self.currency = str(school.config("school")["currency"])
        self.people = People.of("getcourse", settings, school, batch.lake)
        self.words = {name: meanings(f"getcourse.{name}", settings[name], known) for name, known in _WORDS.items()}
        self.offers = {same(offer): course for offer, course in settings["courses"].items()}
        self.students, self.enrolments, self.courses = (
            Versions(batch.lake, table) for table in ("students", "enrolments", "courses")
        )
        begun = batch.lake.read("enrolments").groupby("enrolment_id")["occurred_at"].min()
        self.begun: dict[str, pd.Timestamp] = dict(zip(begun.index.astype("str"), begun, strict=True))
        self.numbering = Numbering()
        self.orders = pd.DataFrame(columns=["id", "number", "student_id", "enrolment_id", "discount"], dtype="str")

    def add(self, kind: str, file: Path, taken: pd.Timestamp | None) -> None:
        """Adds one file."""
        read: dict[str, Callable[[Part, pd.DataFrame, dict[str, str]], None]]
        read = {"users": self.users, "deals": self.deals, "payments": self.payments, "lessons": self.lessons}
        section, needed = f"getcourse.{kind}", _NEEDED[kind]
        read[kind](*Part.read(self.batch, _TABLE[kind], file, taken, self.settings, section, needed, _MOMENTS))

    def meaning(self, part: Part, said: pd.Series, words: str) -> pd.Series:
        return part.meaning(said, f"getcourse.{words}", self.words[words])

    def users(self, part: Part, rows: pd.DataFrame, chosen: dict[str, str]) -> None:
        """Students and their hidden addresses, if GetCourse is where the school lists them."""
        if not self.settings["register"]:
            self.batch.ignore(
                f"{part.file.name}: users; getcourse.register says that they are listed elsewhere", len(rows)
            )
            return
        rows = part.without(rows, "id", chosen["id"], "is empty", "Export the users with their ids")
        names = self.people.names(rows["id"], rows["email"])
        frame = pd.DataFrame(
            {
                "student_id": names,
                "display_name": (rows["first_name"] + " " + rows["last_name"]).str.strip(),
                "curator": rows["curator"],
                "group": rows["group"],
                "acquisition_channel": rows["acquisition_channel"],
                "known_at": rows["created"],
            }
        )
        self.students.write(part, frame)
        if self.people.key:
            hidden = self.people.hidden(rows["email"])
            write_identities(part.to("identities"), self.people, hidden, names, rows["created"])
        elif (rows["email"] != "").any():
            self.batch.ignore(f"{part.file.name}: e-mail addresses; HANDRAIL_IDENTITY_KEY is not set", len(rows))

    def deals(self, part: Part, rows: pd.DataFrame, chosen: dict[str, str]) -> None:
        """Orders: those that were paid are enrolments, and what became of them are outcomes."""
        for column in ("id", "user", "course"):
            rows = part.without(rows, column, chosen[column], "is empty", "Fill it in, or leave the order out")
        course = rows["course"].map(lambda offer: self.offers.get(same(offer), offer)).astype("str")
        part.count(rows.loc[course == "", "course"], "{} is no course")
        rows = rows.assign(course_id=course, student_id=self.people.names(rows["user"], rows["email"]))[course != ""]
        rows["enrolment_id"] = self.people.enrolments(rows["course_id"], rows["student_id"])
        rows["meaning"] = self.meaning(part, rows["status"], "statuses")
        rows["price"], rows["discount"] = (money(rows[name], self.currency) for name in ("price", "discount"))
        self.orders = pd.concat([self.orders, rows[list(self.orders)]])
        self._enrol(part, rows)
        self._close(part, rows)

    def _enrol(self, part: Part, rows: pd.DataFrame) -> None:
        """An enrolment begins with its payment; where only a part is paid, which has no date, with the order."""
        partly = (rows["meaning"] == "paid") & rows["paid"].isna()
        if part.taken is None:
            part.count(rows.loc[partly, "status"], _NO_DATE)
            partly &= False
        began = rows["paid"].where(~partly, rows["created"])
        rows = rows.assign(occurred_at=began, known_at=rows["paid"].where(~partly, part.taken))[began.notna()]
        rows = rows.sort_values(["occurred_at", "id"], kind="stable")
        # Money that comes later does not move the beginning.
        first = rows["enrolment_id"].map(self.begun).astype("datetime64[us, UTC]")
        later = (first < rows["occurred_at"]) | rows["enrolment_id"].duplicated()
        self.batch.ignore(f"{part.file.name}: an order of an enrolment that began before it", int(later.sum()))
        rows = rows[~later]
        self.begun |= dict(zip(rows["enrolment_id"], rows["occurred_at"], strict=True))
        titles = rows.rename(columns={"course": "title"})[["course_id", "title", "known_at"]]
        new = ~titles["course_id"].isin(self.courses.seen)
        self.courses.write(part.to("courses"), titles[new].sort_values("known_at", kind="stable"))
        rows = rows.rename(columns={"price": "price_minor"})
        wanted = ["enrolment_id", "student_id", "course_id", "occurred_at", "price_minor", "known_at"]
        self.enrolments.write(part, rows[wanted].sort_index())

    def _close(self, part: Part, rows: pd.DataFrame) -> None:
        """What became of orders that were paid; another paid order for the same course keeps the enrolment going."""
        going = set(rows.loc[rows["meaning"] == "paid", "enrolment_id"])
        ended = rows["meaning"].isin(CLOSING_OUTCOMES)
        unpaid = ended & rows["paid"].isna()
        part.count(rows.loc[unpaid, "status"], "{}: the order was never paid")
        kept = ended & ~unpaid & rows["enrolment_id"].isin(going)
        part.count(rows.loc[kept, "status"], "{}: another order for the same course is paid")
        rows = rows[ended & ~unpaid & ~kept]
        since = self._since(part, rows)
        outcomes = pd.DataFrame(
            {
                "event_id": "getcourse:deal:" + rows["id"] + ":" + rows["meaning"],
                "enrolment_id": rows["enrolment_id"],
                "kind": rows["meaning"],
                "occurred_at": since,
                "known_at": since,
            }
        )
        part.to("outcomes").write(outcomes[since.notna()])

    def _since(self, part: Part, rows: pd.DataFrame) -> pd.Series:
        """Since when the rows have their status, as far as anything says so."""
        taken = pd.Series(part.taken, index=rows.index, dtype="datetime64[us, UTC]")
        since = rows["changed"].fillna(taken)
        part.count(rows.loc[since.isna(), "status"], _NO_DATE)
        return since

    def payments(self, part: Part, rows: pd.DataFrame, chosen: dict[str, str]) -> None:
        """Money: a payment counts from its date, its return from when the export says so."""
        for column in ("id", "at"):
            lacking = rows[column].isna() | (rows[column].astype("str") == "")
            part.set_aside(rows.loc[lacking, "status"], chosen[column], "is empty", "Export the payments with it")
            rows = rows[~lacking]
        order = self._orders().reindex(rows["deal"]).set_axis(rows.index)
        named = self.people.names(rows["user"], rows["email"]) if chosen["user"] else pd.Series("", index=rows.index)
        rows = rows.assign(
            student_id=order["student_id"].fillna("").where(named == "", named),
            enrolment_id=order["enrolment_id"],
            discount=order["discount"],
            meaning=self.meaning(part, rows["status"], "payment_statuses"),
        )
        mend = "Put the export of orders beside it, or name the column of the user under [getcourse.payments]"
        rows = part.without(rows[rows["meaning"] != ""], "student_id", chosen["deal"], "names no known order", mend)
        back = rows[rows["meaning"] == "refunded"]
        came = rows.assign(occurred_at=rows["at"], meaning=rows["meaning"].replace("refunded", "paid"))
        came = came.sort_values(["at", "id"], kind="stable")
        # The discount is the order's: it stands with the first money for it.
        bearer = came[came["meaning"] == "paid"].drop_duplicates("deal").index
        came["discount"] = came["discount"].where(came.index.isin(bearer), "")
        back = back.assign(occurred_at=self._since(part, back), discount="")
        for facts in (came.sort_index(), back[back["occurred_at"].notna()]):
            payments = pd.DataFrame(
                {
                    "event_id": "getcourse:payment:" + facts["id"] + ":" + facts["meaning"],
                    "student_id": facts["student_id"],
                    "enrolment_id": facts["enrolment_id"],
                    "kind": facts["meaning"],
                    "amount_minor": money(facts["amount"], self.currency),
                    "discount_minor": facts["discount"],
                    "occurred_at": facts["occurred_at"],
                    "known_at": facts["occurred_at"],
                }
            )
            part.write(payments)

    def _orders(self) -> pd.DataFrame:
        """The orders of this import by what payments call them: their number or their id."""
        both = pd.concat([self.orders.assign(name=self.orders["number"]), self.orders.assign(name=self.orders["id"])])
        return both[both["name"] != ""].drop_duplicates("name").set_index("name")

    def lessons(self, part: Part, rows: pd.DataFrame, chosen: dict[str, str]) -> None:
        """What students did, as a process of the school's writes it down."""
        for column in ("user", "course"):
            rows = part.without(rows, column, chosen[column], "is empty", "Let the process fill it in")
        names = self.people.names(rows["user"], rows["email"])
        course = rows["course"].map(lambda title: self.offers.get(same(title), title)).astype("str")
        kind = self.meaning(part, rows["event"], "lesson_events")
        cells = rows[["user", "course", "lesson", "event"]].assign(at=rows["at"].astype("str"))
        activity = pd.DataFrame(
            {
                "event_id": "getcourse:lesson:" + ids(cells, ["getcourse"], self.numbering),
                "enrolment_id": self.people.enrolments(course, names),
                "kind": kind,
                "object_id": rows["lesson"],
                "occurred_at": rows["at"],
                "known_at": rows["at"],
            }
        )
        part.write(activity[(kind != "") & (course != "")])
