"""Tiny sources that the importers' tests write themselves."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.config import School
from features.lake import Lake

RUN = "code_module,code_presentation"
OULAD = {
    "courses.csv": f"{RUN},module_presentation_length\nAAA,2013J,268\nBBB,2014B,240\n",
    "assessments.csv": f"{RUN},id_assessment,assessment_type,date,weight\n"
    "AAA,2013J,11,TMA,54,20.0\nAAA,2013J,10,TMA,19,10.0\nAAA,2013J,12,Exam,,100.0\nBBB,2014B,20,CMA,30,5.0\n",
    "vle.csv": f"id_site,{RUN},activity_type,week_from,week_to\n"
    "901,AAA,2013J,homepage,,\n902,AAA,2013J,oucontent,,\n903,AAA,2013J,forumng,,\n904,BBB,2014B,quiz,,\n"
    "905,BBB,2014B,oucollaborate,,\n906,BBB,2014B,never_seen_before,,\n",
    "studentInfo.csv": f"{RUN},id_student,gender,region,highest_education,imd_band,age_band,num_of_prev_attempts,"
    "studied_credits,disability,final_result\n"
    "AAA,2013J,1,M,Scotland,HE Qualification,?,35-55,0,60,N,Pass\n"
    "AAA,2013J,2,F,Wales,HE Qualification,10-20,0-35,1,120,Y,Withdrawn\n"
    "BBB,2014B,1,M,Scotland,HE Qualification,,35-55,0,60,N,Fail\n"
    "BBB,2014B,3,F,Ireland,HE Qualification,,0-35,0,30,N,Withdrawn\n",
    "studentRegistration.csv": f"{RUN},id_student,date_registration,date_unregistration\n"
    "AAA,2013J,1,-159,\nAAA,2013J,2,-53,12\nBBB,2014B,1,,\nBBB,2014B,3,-5,\n",
    "studentAssessment.csv": "id_assessment,id_student,date_submitted,is_banked,score\n"
    "10,1,18,0,78\n11,1,60,0,\n10,2,-1,1,70\n20,3,30,0,90\n",
    "studentVle.csv": f"{RUN},id_student,id_site,date,sum_click\n"
    "AAA,2013J,1,901,-5,7\nAAA,2013J,1,902,-5,1\nAAA,2013J,1,902,-5,1\nAAA,2013J,1,902,-5,2\n"
    "AAA,2013J,2,903,10,4\nAAA,2013J,1,902,-5,1\nBBB,2014B,1,904,0,3\nBBB,2014B,1,905,0,1\nBBB,2014B,3,906,239,1\n"
    "BBB,2014B,3,999,239,1\n",
}

EXT = "https://w3id.org/xapi/video/extensions/"


@pytest.fixture
def school(tmp_path: Path) -> School:
    """A school in Moscow's zone with nothing in its lake."""
    home = tmp_path / "school"
    home.mkdir()
    return School(home)


@pytest.fixture
def rows(school: School) -> Callable[[str], pd.DataFrame]:
    """Reads a table of the school's lake."""
    return lambda table: Lake(school.lake, school.zone).read(table)


@pytest.fixture
def content(school: School) -> Callable[[], dict[str, list[str]]]:
    """Everything in the lake, as sorted lines of text per table, to compare lakes by."""

    def read() -> dict[str, list[str]]:
        lake = Lake(school.lake, school.zone)
        tables = ("students", "courses", "enrolments", "assignments", "submissions", "activity", "videos", "outcomes")
        return {
            table: sorted("|".join(map(str, row)) for row in lake.read(table).itertuples(index=False))
            for table in (*tables, "tickets", "payments")
        }

    return read


@pytest.fixture
def oulad_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes the seven files; keyword arguments (file name without .csv) replace one, None leaves it out."""

    def write(folder: str = "oulad", **changes: str | bytes | None) -> Path:
        target = tmp_path / folder
        target.mkdir(exist_ok=True)
        for name, text in OULAD.items():
            new = changes.get(name.removesuffix(".csv"), text)
            if new is not None:
                (target / name).write_bytes(new.encode() if isinstance(new, str) else new)
        return target

    write.default = OULAD  # type: ignore[attr-defined]
    return write


@pytest.fixture
def said() -> Callable[..., dict[str, Any]]:
    """One xAPI video statement in short: said(verb, at, ...)."""

    def make(
        verb: str,
        at: str | None,
        *,
        id: str | None = None,
        actor: Any = "ann",
        video: str = "v1",
        course: str | None = "c1",
        session: str | None = "s1",
        stored: str | None = None,
        **extensions: float,
    ) -> dict[str, Any]:
        adl = ("initialized", "completed", "terminated", "interacted", "voided")
        base = "http://adlnet.gov/expapi/verbs/" if verb in adl else "https://w3id.org/xapi/video/verbs/"
        account = {"account": {"homePage": "https://lms.example", "name": actor}}
        parents = [{"id": course}] if course else []
        statement: dict[str, Any] = {
            "actor": account if isinstance(actor, str) else actor,
            "verb": {"id": verb if ":" in verb else base + verb},
            "object": {"id": video, "definition": {"type": "https://w3id.org/xapi/video/activity-type/video"}},
            "context": {
                "extensions": {EXT + "session-id": session} if session else {},
                "contextActivities": {"parent": parents},
            },
            "result": {"extensions": {EXT + name.replace("_", "-"): value for name, value in extensions.items()}},
        }
        optional = {"timestamp": at, "stored": stored, "id": id or (f"{verb}-{at}" if at else None)}
        return statement | {name: value for name, value in optional.items() if value is not None}

    return make


@pytest.fixture
def statements_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes statements (or raw bytes) as lines; a name that ends in .gz is packed."""

    def write(*statements: dict[str, Any] | bytes, name: str = "statements.jsonl") -> Path:
        lines = [s if isinstance(s, bytes) else json.dumps(s).encode() for s in statements]
        text = b"".join(line + b"\n" for line in lines)
        path = tmp_path / name
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        return path

    return write
