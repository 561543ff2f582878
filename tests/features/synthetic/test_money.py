from __future__ import annotations

import pandas as pd
import pytest


def test_every_kind_of_payment_and_what_it_carries(tables):
    rows = tables["payments"]
    assert set(rows["kind"]) == {"paid", "renewed", "failed", "refunded", "card_expiring"}
    warned = rows["kind"] == "card_expiring"
    assert (rows["expires_at"].notna() == warned).all()
    ahead = (rows["expires_at"] - rows["occurred_at"])[warned]
    assert ahead.between(pd.Timedelta("13D"), pd.Timedelta("15D")).all()
    paid = rows[rows["kind"] == "paid"]
    share = paid["discount_minor"] / (paid["discount_minor"] + paid["amount_minor"])
    assert 0.2 < (share > 0).mean() < 0.7
    assert share.max() == pytest.approx(0.3, abs=0.01)


def test_a_payment_that_is_never_mended_closes_the_enrolment_on_the_fifth_day(tables):
    rows = tables["payments"].dropna(subset="enrolment_id")
    lost = tables["outcomes"].query("kind == 'payment_failure'").set_index("enrolment_id")
    assert len(lost) > 5
    last = rows.query("kind != 'card_expiring'").drop_duplicates("enrolment_id", keep="last")
    last = last.set_index("enrolment_id").reindex(lost.index).dropna(subset="day")
    assert (last["kind"] == "failed").all()
    assert (lost.loc[last.index, "day"] - last["day"] == 5).all()
    versions = tables["enrolments"].drop_duplicates("enrolment_id", keep="last").set_index("enrolment_id")
    ends = versions.loc[lost.index, "ends_at"].dt.tz_convert("Europe/Moscow").dt.date
    assert (ends == lost["occurred_at"].dt.tz_convert("Europe/Moscow").dt.date).all()
    assert (versions.loc[lost.index, "known_at"] - lost["known_at"]).abs().max() < pd.Timedelta("1h")


def test_most_failed_payments_are_mended_within_four_days(tables):
    rows = tables["payments"].dropna(subset="enrolment_id")
    failed = rows.query("kind == 'failed'")
    pairs = failed.merge(rows.query("kind in ('paid', 'renewed')"), on="enrolment_id", suffixes=("", "_mended"))
    mended = pairs[(pairs["day_mended"] - pairs["day"]).between(1, 4)]["event_id"].nunique() / len(failed)
    assert 0.4 < mended < 0.85


def test_money_back_only_in_the_fortnight_after_the_purchase(tables):
    bought = tables["enrolments"].drop_duplicates("enrolment_id").set_index("enrolment_id")["day"]
    back = tables["outcomes"].query("kind == 'refund'").set_index("enrolment_id")["day"]
    assert len(back) > 5
    assert (back - bought.reindex(back.index)).between(0, 13).all()
    paid_back = tables["payments"].query("kind == 'refunded'")["enrolment_id"].dropna()
    assert set(paid_back) <= set(back.index)


def test_a_cards_end_is_a_cause_of_failures(tables):
    rows = tables["payments"].dropna(subset="enrolment_id")
    warned = rows.query("kind == 'card_expiring'").set_index("enrolment_id")["day"]
    tried = rows[rows["kind"].isin(["renewed", "failed"])]
    after = (tried["day"] - tried["enrolment_id"].map(warned)).between(14, 44)
    assert (tried["kind"] == "failed")[after].mean() > 1.5 * (tried["kind"] == "failed")[~after].mean()


def test_who_goes_on_at_ones_own_pace_has_a_later_end_from_that_evening_on(tables, truth):
    rows = tables["enrolments"].query("course_id == 'english-own-pace'")
    unpaid = set(tables["outcomes"].query("kind == 'payment_failure'")["enrolment_id"])
    rows = rows[~rows["enrolment_id"].isin(unpaid)].sort_values("known_at")
    before = rows.groupby("enrolment_id")["ends_at"].shift().dropna()
    later = rows.loc[before.index]
    assert len(later) > 10
    assert (later["ends_at"] - before == pd.Timedelta("56D")).all()
    assert (before - later["known_at"]).between(pd.Timedelta(0), pd.Timedelta("5h")).all()
    assert later["enrolment_id"].isin(truth["renewals"].query("renewed")["enrolment_id"]).all()


def test_going_on_follows_its_true_chance_and_is_written_one_way_or_the_other(tables, truth, made):
    rows = truth["renewals"]
    noise = float((rows["chance"] * (1 - rows["chance"])).sum()) ** 0.5
    assert rows["renewed"].sum() == pytest.approx(rows["chance"].sum(), abs=4 * noise)
    assert rows["chance"].std() > 0.1
    lapsed = tables["outcomes"].query("kind == 'nonrenewal'")["enrolment_id"]
    told = rows[rows["day"] < rows["day"].max()]  # of the last day not all is known yet
    assert set(told.loc[~told["renewed"], "enrolment_id"]) <= set(lapsed)
    assert not set(lapsed) & set(rows.loc[rows["renewed"], "enrolment_id"]) - set(
        rows.loc[~rows["renewed"], "enrolment_id"]
    )
    runs = told[told["renewed"] & told["enrolment_id"].isin(_in_runs(tables))]
    bought = tables["payments"].query("kind == 'renewed'").dropna(subset="enrolment_id")["enrolment_id"]
    assert runs["enrolment_id"].isin(bought).mean() > 0.8  # the others are handled by the CRM


def _in_runs(tables) -> set[str]:
    return set(tables["enrolments"].query("course_id != 'english-own-pace'")["enrolment_id"])
