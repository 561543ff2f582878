"""Bitrix24: contacts, deals, the history of their stages, and activities, as REST answers or as CSV exports.

A deal's stage counts from the moment at which the deal was moved to it, an activity's result from its last change;
a state without any moment counts from the day in the file's name, and is left out where there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from features.config import School
from features.contracts.tables import CHANNELS, CLOSING_OUTCOMES
from features.errors import BadConfig
from features.importers.exports import same
from features.importers.inputs import Progress, digest, silent
from features.importers.office import Part, People, Versions, by_kind, meanings, money, settings_of, write_identities
from features.lake import Batch, ImportReport, Lake

_NEEDED = {
    "contacts": ("id", "created"),
    "deals": ("id", "contact", "created", "stage", "course"),
    "stagehistory": ("deal", "stage", "at"),
    "activities": ("id", "type", "at"),
}
_TABLE = {"contacts": "students", "deals": "enrolments", "stagehistory": "enrolments", "activities": "touches"}
_MOMENTS = ("created", "changed", "moved", "at")
_WORDS = {
    "stages": ("enrolled", *CLOSING_OUTCOMES, "payment_failure"),
    "channels": CHANNELS,
    "results": ("sent", "opened", "answered", "failed"),
    "directions": ("incoming", "outgoing"),
    "owners": ("contact", "deal"),
    "done": ("yes", "no"),
}
_OUTCOMES = (*CLOSING_OUTCOMES, "payment_failure")
_ADDRESS = r"([^\s@\"',;<>]+@[^\s@\"',;<>\\]+)"
_DEAL = ["id", "student_id", "enrolment_id", "course_id", "course", "price"]


def load(school: School, path: Path, progress: Progress | None = None) -> ImportReport:
    """Imports exports of Bitrix24's CRM.

    Args:
        school: where to.
        path: one file, or a folder of them. Their names begin with what they hold (contacts, deals, stagehistory,
            activities) and may say when the export was taken: `deals-2025-10-01.csv`.
        progress: told how many bytes are read.

    Returns:
        What was read, kept and set aside.

    Raises:
        BadInput: a file is missing, empty, of no known kind, or lacks a heading; then nothing is added.
        BadConfig: the settings cannot be used.
    """
    settings = settings_of(school, "bitrix24", (*_WORDS, "courses", "logins"))
    if settings["named_by"] == "email":
        mend = 'Write "id" or "own_id"'
        raise BadConfig("deals and activities carry no address", where="importers.toml [bitrix24] named_by", mend=mend)
    found = by_kind(path, _NEEDED, school.zone)
    lake = Lake(school.lake, school.zone)
    named = [(kind, str(taken)) for kind, _, taken in found]
    settled = {"settings": settings, "zone": school.zone, "files": named}
    name = digest("bitrix24", settled, [file for _, file, _ in found])
    if lake.already_added(name):
        return ImportReport("bitrix24", repeated=True)
    total, done = sum(file.stat().st_size for _, file, _ in found), 0
    with lake.adding("bitrix24", name) as batch:
        one = _Import(batch, school, settings, has_history="stagehistory" in dict(named))
        for kind, file, taken in found:
            one.add(kind, file, taken)
            done += file.stat().st_size
            (progress or silent)(done, total, file.name)
    return batch.report


class _Import:
    def __init__(self, batch: Batch, school: School, settings: dict[str, Any], *, has_history: bool) -> None:
        self.batch, self.settings, self.has_history = batch, settings, has_history
        self.currency = str(school.config("school")["currency"])
        self.people = People.of("bitrix24", settings, school, batch.lake)
        self.words = {name: meanings(f"bitrix24.{name}", settings[name], known) for name, known in _WORDS.items()}
        self.named_courses = {same(title): course for title, course in settings["courses"].items()}
        self.versions = {
            table: Versions(batch.lake, table) for table in ("students", "enrolments", "courses", "touches")
        }
        self.deals_met = pd.DataFrame(columns=_DEAL, dtype="str")

    def add(self, kind: str, file: Path, taken: pd.Timestamp | None) -> None:
        """Adds one file."""
        read: dict[str, Callable[[Part, pd.DataFrame, dict[str, str]], None]] = {
            "contacts": self.contacts,
            "deals": self.deals,
            "stagehistory": self.stage_history,
            "activities": self.activities,
        }
        section, needed = f"bitrix24.{kind}", _NEEDED[kind]
        read[kind](*Part.read(self.batch, _TABLE[kind], file, taken, self.settings, section, needed, _MOMENTS))

    def meaning(self, part: Part, said: pd.Series, words: str) -> pd.Series:
        return part.meaning(said, f"bitrix24.{words}", self.words[words])

    def contacts(self, part: Part, rows: pd.DataFrame, chosen: dict[str, str]) -> None:
        """Students, where the CRM is the school's list of them; else their names in the learning system."""
        rows = part.without(rows, "id", chosen["id"], "is empty", "Export the contacts with their ids")
        names, identities = self.people.names(rows["id"]), part.to("identities")
        if chosen["student_id"]:
            own = rows["student_id"]
            write_identities(identities, self.people, names.where(own != "", ""), own, rows["created"])
            names = own.where(own != "", names)
        if not self.settings["register"]:
            self.batch.ignore(f"{part.file.name}: contacts; the school lists its students elsewhere", len(rows))
            return
        frame = pd.DataFrame(
            {
                "student_id": names,
                "display_name": (rows["first_name"] + " " + rows["last_name"]).str.strip(),
                "curator": self._login(rows["responsible"]),
                "known_at": rows["created"],
            }
        )
        self.versions["students"].write(part, frame, rows["changed"])
        if self.people.key:
            # An answer of the API has a list of addresses, each with its kind, in the place of one.
            hidden = self.people.hidden(rows["email"].str.extract(_ADDRESS, expand=False).fillna(""))
            write_identities(identities, self.people, hidden, names, rows["created"])
        elif (rows["email"] != "").any():
            self.batch.ignore(f"{part.file.name}: e-mail addresses; HANDRAIL_IDENTITY_KEY is not set", len(rows))

    def _login(self, responsible: pd.Series) -> pd.Series:
        logins = {same(name): login for name, login in self.settings["logins"].items()}
        return responsible.map(lambda name: logins.get(same(name), name)).astype("str")

    def deals(self, part: Part, rows: pd.DataFrame, chosen: dict[str, str]) -> None:
        """Deals: the stage in which one stands says what became of it, unless the history of stages says it all."""
        rows = rows.assign(contact=rows["contact"].replace("0", ""))
        for column in ("id", "contact", "course"):
            rows = part.without(rows, column, chosen[column], "is empty", "Fill it in, or leave the deal out")
        course = rows["course"].map(lambda title: self.named_courses.get(same(title), title)).astype("str")
        part.count(rows.loc[course == "", "course"], "{} is no course")
        rows = rows.assign(course_id=course, student_id=self.people.names(rows["contact"]))[course != ""]
        rows["enrolment_id"] = self.people.enrolments(rows["course_id"], rows["student_id"])
        rows["price"] = money(rows["price"], self.currency)
        self.deals_met = pd.concat([self.deals_met, rows[_DEAL]])
        if self.has_history:
            return
        taken = pd.Series(part.taken, index=rows.index, dtype="datetime64[us, UTC]")
        at = rows["moved"].fillna(rows["changed"]).fillna(taken)
        part.count(rows.loc[at.isna(), "stage"], "stage {} has no date, in the row or in the file's name")
        self._moved(part, rows.assign(at=at)[at.notna()])

    def stage_history(self, part: Part, rows: pd.DataFrame, chosen: dict[str, str]) -> None:
        """Every move of a deal, each at its moment."""
        deals = self.deals_met.drop_duplicates("id", keep="last").set_index("id")
        known = rows["deal"].isin(deals.index)
        self.batch.ignore(f"{part.file.name}: moves of deals that are not there", int((~known).sum()))
        rows = part.without(rows[known], "stage", chosen["stage"], "is empty", "Export the history with its stages")
        lacking = rows["at"].isna()
        part.set_aside(rows.loc[lacking, "deal"], chosen["at"], "is empty", "Export the history with its moments")
        rows = rows[~lacking]
        self._moved(part, rows.assign(id=rows["deal"]).join(deals, on="deal"))

    def _moved(self, part: Part, rows: pd.DataFrame) -> None:
        """Enrolments and outcomes of deals that came to a stage (`stage`) at a moment (`at`)."""
        meaning = self.meaning(part, rows["stage"], "stages")
        began = rows[meaning == "enrolled"].sort_values(["at", "id"], kind="stable")
        began = began[~began["enrolment_id"].isin(self.versions["enrolments"].seen)].drop_duplicates("enrolment_id")
        began = began.rename(columns={"course": "title", "price": "price_minor"})
        began = began.assign(occurred_at=began["at"], known_at=began["at"])
        titles = began[~began["course_id"].isin(self.versions["courses"].seen)]
        self.versions["courses"].write(part.to("courses"), titles[["course_id", "title", "known_at"]])
        wanted = ["enrolment_id", "student_id", "course_id", "occurred_at", "price_minor", "known_at"]
        self.versions["enrolments"].write(part, began[wanted].sort_index())
        ended = rows.assign(kind=meaning)[meaning.isin(_OUTCOMES)]
        ended = ended.sort_values("at", kind="stable").drop_duplicates(["id", "kind"])
        outcomes = pd.DataFrame(
            {
                "event_id": "bitrix24:deal:" + ended["id"] + ":" + ended["kind"],
                "enrolment_id": ended["enrolment_id"],
                "kind": ended["kind"],
                "occurred_at": ended["at"],
                "known_at": ended["at"],
            }
        )
        part.to("outcomes").write(outcomes.sort_index())

    def activities(self, part: Part, rows: pd.DataFrame, chosen: dict[str, str]) -> None:
        """Calls, letters and messages to students; how one went is a newer version, from when that was known."""
        rows = part.without(rows, "id", chosen["id"], "is empty", "Export the activities with their ids")
        lacking = rows["at"].isna()
        part.set_aside(rows.loc[lacking, "id"], chosen["at"], "is empty", "Export the activities with their time")
        rows = self._to_students(part, self._carried_out(part, rows[~lacking]))
        result = self.meaning(part, rows["result"], "results")
        known_at = rows[["at", "created"]].max(axis=1)
        touches = pd.DataFrame(
            {
                "touch_id": "bitrix24:activity:" + rows["id"],
                "student_id": rows["student_id"],
                "channel": rows["channel"],
                "status": "sent",
                "by": self._login(rows["responsible"]),
                "occurred_at": rows["at"],
                "known_at": known_at,
            }
        )
        versions = self.versions["touches"]
        new = touches[~touches["touch_id"].isin(versions.seen)]
        versions.write(part, new)
        went = touches.assign(status=result)[(result != "") & (result != "sent")]
        versions.write(part, went, rows["changed"].where(~(rows["changed"] < known_at), known_at))

    def _carried_out(self, part: Part, rows: pd.DataFrame) -> pd.DataFrame:
        """Contacts of the school's that took place, with their channel."""
        by_provider, by_type = (rows[name].map(same).map(self.words["channels"]) for name in ("provider", "type"))
        channel = by_provider.fillna(by_type).fillna("").astype("str")
        part.count(rows.loc[channel == "", "type"], "activities of type {}")
        rows = rows.assign(channel=channel)[channel != ""]
        incoming = self.meaning(part, rows["direction"], "directions") == "incoming"
        self.batch.ignore(f"{part.file.name}: incoming, the student wrote or called", int(incoming.sum()))
        rows = rows[~incoming]
        planned = self.meaning(part, rows["done"], "done") == "no"
        self.batch.ignore(f"{part.file.name}: planned, not carried out", int(planned.sum()))
        return rows[~planned]

    def _to_students(self, part: Part, rows: pd.DataFrame) -> pd.DataFrame:
        """With the student whom each is about: its contact, or that of its deal."""
        owner = rows["owner_type"].map(same).map(self.words["owners"])
        contact = rows["owner"].where(owner == "contact", rows["contact"])
        of_deal = self.deals_met.drop_duplicates("id", keep="last").set_index("id")["student_id"]
        names = self.people.names(contact)
        names = names.where(names != "", rows["owner"].where(owner == "deal", "").map(of_deal).fillna("")).astype("str")
        self.batch.ignore(f"{part.file.name}: about no contact, and no deal that is there", int((names == "").sum()))
        return rows.assign(student_id=names)[names != ""]
