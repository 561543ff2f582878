"""The routes for programs, under /v1; every one but the health checks wants a key with the right scope."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Request, Response

from features import clock
from features.contracts import TABLES, check
from features.contracts.check import as_records
from features.errors import BadInput, NotFound, NotReady, Refused
from serving import access, wording
from serving.advise import SKEW
from serving.api import answers
from serving.api.documents import Advice, Batch
from serving.api.metrics import Metrics
from serving.api.schemas import BatchRequest, Consents, Flags, FreshEvent, Id, ScoreRequest, Touches, VerdictReport
from serving.current import Current
from serving.replaying import Replaying

Document = dict[str, Any]
Lang = Annotated[str | None, Header(alias="Accept-Language", max_length=200)]
IdPath = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


def build_router(current: Current, metrics: Metrics) -> APIRouter:
    """The routes, on the adviser in force.

    Args:
        current: gives the adviser, and the store where everything is kept.
        metrics: where answers are counted.
    """
    router = APIRouter()
    store = current.store

    def allowed(scope: str) -> Any:
        def caller(request: Request) -> access.Principal:
            kind, _, key = request.headers.get("Authorization", "").partition(" ")
            presented = key if kind.lower() == "bearer" else request.headers.get("X-API-Key", "")
            try:
                known = access.authenticate_key(store, presented.strip(), scope)
            except Refused as error:
                raise HTTPException(403, str(error)) from error
            if known is None:
                raise HTTPException(401, "a valid key is needed: Authorization: Bearer hr_... (handrail key create)")
            return known

        return Depends(caller)

    writer = allowed("write")

    @router.get("/healthz", tags=["operations"])
    def healthz() -> Document:
        """Whether the process is alive."""
        return {"status": "alive"}

    @router.get("/readyz", tags=["operations"])
    def readyz() -> Document:
        """Whether a decision can be made and stored: 503 says what is missing and how to get it."""
        store.check()
        adviser = current.adviser()
        if adviser.lake.is_empty:
            raise NotReady("there is no data yet", where="lake", mend="Import some: handrail import --help")
        return {"status": "ready", "label": adviser.label.name, "model_version": adviser.bundle.version}

    @router.get("/v1/model", dependencies=[allowed("read")], tags=["operations"])
    def model() -> Document:
        """The served model: what it predicts, what it was made from, and how its gates stood."""
        bundle = current.adviser().bundle
        return {"model_version": bundle.version, "features": list(bundle.features), **bundle.meta}

    @router.post("/v1/score", dependencies=[allowed("score")], tags=["score"], **_answers_with(Advice))
    def score(body: ScoreRequest, accept_language: Lang = None) -> Document:
        """One student: risk per live enrolment, reasons, one stored decision."""
        adviser = current.adviser()
        fresh = _fresh(body.events) if body.events else None
        told = adviser.answer(body.student_id, body.as_of, fresh)
        metrics.told(told, adviser)
        return answers.advice(told, adviser, wording.choose_language(accept_language))

    @router.post("/v1/score/batch", dependencies=[allowed("score")], tags=["score"], **_answers_with(Batch))
    def score_batch(body: BatchRequest, accept_language: Lang = None) -> Document:
        """Many students, the same answer each; one that is not known is named and does not stop the others."""
        adviser, lang = current.adviser(), wording.choose_language(accept_language)
        found: list[Document] = []
        unknown: list[str] = []
        for student_id in dict.fromkeys(body.students):
            try:
                told = adviser.answer(student_id, body.as_of)
            except NotFound:
                unknown.append(student_id)
                continue
            metrics.told(told, adviser)
            found.append(answers.advice(told, adviser, lang))
        return {"answers": found, "unknown": unknown}

    @router.get("/v1/risk-list", dependencies=[allowed("read")], tags=["list"])
    def risk_list(
        request: Request,
        response: Response,
        course: Annotated[Id | None, Query()] = None,
        curator: Annotated[Id | None, Query()] = None,
        band: Annotated[str | None, Query(pattern="^(high|medium|low)$")] = None,
        changed: Annotated[bool | None, Query()] = None,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        accept_language: Lang = None,
    ) -> Any:
        """The ranked list of the last night, page by page; a cursor stays with its night."""
        adviser, lang = current.adviser(), wording.choose_language(accept_language)
        night = store.last_night(adviser.label.name)
        if night is None:
            raise NotReady("there is no list yet", where="risk list", mend="Run `handrail nightly`")
        after = _after(cursor, night.night_id)
        filters = {"course": course, "curator": curator, "band": band, "changed": changed}
        entries = store.entries(night.night_id, **filters, after_rank=after, limit=limit + 1)  # type: ignore[arg-type]
        page = entries[:limit]
        records = {entry.decision_id: store.decision(entry.decision_id) for entry in page if entry.decision_id}
        withheld = adviser.withheld([record for record in records.values() if record])
        asked = json.dumps([night.night_id, filters, after, limit, lang, sorted(withheld)])
        tag = f'"{hashlib.sha256(asked.encode()).hexdigest()[:16]}"'
        if request.headers.get("If-None-Match") == tag:
            return Response(status_code=304, headers={"ETag": tag})
        response.headers["ETag"] = tag
        told = {id_: record for id_, record in records.items() if id_ not in withheld}
        rows = [answers.listed(entry, told.get(entry.decision_id or ""), adviser.policy, lang) for entry in page]
        following = _cursor(night.night_id, page[-1].rank) if len(entries) > limit else None
        return {"night": answers.night(night, lang), "entries": rows, "next_cursor": following}

    @router.get("/v1/students/{student_id}", dependencies=[allowed("read")], tags=["list"])
    def student(student_id: IdPath, accept_language: Lang = None) -> Document:
        """A student's card: risks over time with their reasons, decisions, contacts and curators' words."""
        adviser, lang = current.adviser(), wording.choose_language(accept_language)
        card = adviser.card(student_id)
        risks = [{"as_of": night.as_of.isoformat(), **answers.enrolment(entry, lang)} for night, entry in card.entries]
        records = [answers.decision(one, adviser.policy, lang, adviser.school.zone) for one in card.decisions]
        return {
            "student_id": card.person.student_id,
            "display_name": card.person.display_name,
            "risks": risks,
            "decisions": records,
            "touches": card.touches,
            "verdicts": card.verdicts,
        }

    @router.get("/v1/decisions/{decision_id}", dependencies=[allowed("read")], tags=["decisions"])
    def decision(decision_id: IdPath) -> Document:
        """The whole record of a decision, with the case it was made from."""
        return _stored(decision_id)

    @router.post("/v1/decisions/{decision_id}/replay", dependencies=[allowed("read")], tags=["decisions"])
    def replayed(decision_id: IdPath) -> Document:
        """Makes a decision again from its record, and says whether it came out the same."""
        differs = Replaying(store).differences(_stored(decision_id))
        return {"decision_id": decision_id, "same": not differs, "differs": differs}

    def _stored(decision_id: str) -> Document:
        record = store.decision(decision_id)
        if record is None:
            raise NotFound("there is no such decision", where=decision_id)
        return record

    @router.post("/v1/touches", dependencies=[writer], tags=["reports"])
    def touches(body: Touches) -> Document:
        """Contacts that were made, by whomever; the same one again changes nothing."""
        return _reported(store.add_touches([_told(one) for one in body.touches]))

    @router.post("/v1/consents", dependencies=[writer], tags=["reports"])
    def consents(body: Consents) -> Document:
        """Students' words on being contacted; a refusal counts from this answer on."""
        return _reported(store.add_consents([_told(one) for one in body.consents]))

    @router.post("/v1/flags", dependencies=[writer], tags=["reports"])
    def flags(body: Flags) -> Document:
        """Words of people that only people decide about a student, or no longer; they count from this answer on."""
        return _reported(store.add_flags([_told(one) for one in body.flags]))

    @router.post("/v1/verdicts", tags=["reports"])
    def verdicts(body: VerdictReport, caller: access.Principal = writer) -> Document:
        """A curator's word on an entry of the last list: done, wrong flag, already spoke."""
        night = store.last_night(current.adviser().label.name)
        if night is None:
            raise NotReady("there is no list yet", where="risk list", mend="Run `handrail nightly`")
        kept = store.add_verdict(night.night_id, body.enrolment_id, body.word, body.note, caller.name or caller.prefix)
        return {"enrolment_id": kept.enrolment_id, "word": kept.word, "at": kept.at.isoformat()}

    return router


def _answers_with(model: type[Any]) -> Document:
    """Describes an answer without making it anew: what is told is what was stored, to the last digit."""
    return {"response_model": None, "responses": {200: {"model": model}}}


def _told(report: Any) -> Document:
    """A report's fields; what happened after now is a wrong clock's, and what ends before it begins says nothing."""
    row: Document = report.model_dump()
    where = row.get("touch_id") or row["event_id"]
    if row["occurred_at"] > clock.now() + SKEW:
        raise BadInput("occurred_at is in the future", where=where, mend="Mend the clock")
    if row.get("until_at") and row["until_at"] < row["occurred_at"]:
        raise BadInput("until_at is before occurred_at", where=where, mend="Leave until_at out, or give the end")
    return row


def _reported(done: Any) -> Document:
    return {"added": list(done.added), "known": list(done.known), "different": list(done.different)}


def _fresh(events: list[FreshEvent]) -> dict[str, pd.DataFrame]:
    """Checked rows by table; known now unless they say otherwise.

    Raises:
        BadInput: a row does not meet its contract; names every fault.
    """
    by_table: dict[str, list[Document]] = {}
    for event in events:
        row = {"known_at": event.row.get("occurred_at"), **event.row}
        by_table.setdefault(event.table, []).append(row)
    checked: dict[str, pd.DataFrame] = {}
    for table, rows in by_table.items():
        found = check(
            table, pd.DataFrame(rows, columns=_columns(table, rows), dtype="object"), file=f"events ({table})"
        )
        if found.rejected:
            faults = as_records(found.rejects)
            said = "; ".join(f"row {one['row']}: {one['column']} {one['reason']}" for one in faults)
            raise BadInput(said, where=f"events ({table})", mend=str(faults[0]["mend"]))
        if (found.rows["occurred_at"] > clock.now() + SKEW).any():
            raise BadInput("occurred_at is in the future", where=f"events ({table})", mend="Mend the clock")
        checked[table] = found.rows
    return checked


def _columns(table: str, rows: list[Document]) -> list[str]:
    given = {name for row in rows for name in row}
    return [*(name for name in TABLES[table].columns if name in given), *sorted(given - set(TABLES[table].columns))]


def _cursor(night_id: int, rank: int) -> str:
    return base64.urlsafe_b64encode(f"{night_id}:{rank}".encode()).decode()


def _after(cursor: str | None, night_id: int) -> int:
    if cursor is None:
        return 0
    try:
        of_night, rank = (int(part) for part in base64.urlsafe_b64decode(cursor.encode()).decode().split(":"))
    except ValueError as error:
        raise BadInput("is not a cursor of ours", where="cursor", mend="Take next_cursor of the page before") from error
    if of_night != night_id:
        raise BadInput("is of an earlier night", where="cursor", mend="Begin again without a cursor")
    return rank
