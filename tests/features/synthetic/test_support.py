from __future__ import annotations


def test_tickets_of_every_category_and_priority_with_all_that_can_happen_to_them(tables):
    rows = tables["tickets"]
    opened = rows.query("event == 'opened'")
    assert set(opened["category"]) == {"access", "payment", "functionality", "content", "feedback", "presale"}
    assert (opened["category"].value_counts(normalize=True) > 0.02).all()
    assert set(opened["priority"]) == {"P1", "P2", "P3"}
    assert set(rows["event"]) == {
        "opened", "responded", "resolved", "reopened", "rated", "cancel_requested", "refund_requested",
    }  # fmt: skip
    assert rows["score"].notna().equals(rows["event"] == "rated")


def test_mass_incidents_strike_many_on_a_few_days(tables, made_settings):
    mass = tables["tickets"].query("event == 'opened' and priority == 'P1'")
    assert mass["day"].nunique() == made_settings["support"]["incidents"]
    assert mass.groupby("day").size().min() >= 5


def test_the_unhappy_ask_of_the_teaching_and_mark_the_answers_lower(tables):
    low = set(tables["ratings"].query("value < 3")["enrolment_id"])
    rows = tables["tickets"].dropna(subset="enrolment_id")
    sad = rows["enrolment_id"].isin(low)
    teaching = rows["category"].isin(["content", "feedback"])
    opened = rows["event"] == "opened"
    assert teaching[opened & sad].mean() > teaching[opened & ~sad].mean() + 0.08
    assert rows.loc[sad, "score"].mean() < rows.loc[~sad, "score"].mean()


def test_a_failed_payment_brings_a_question_about_it(tables):
    failed = tables["payments"].query("kind == 'failed'").dropna(subset="enrolment_id")[["enrolment_id", "day"]]
    asked = tables["tickets"].query("event == 'opened' and category == 'payment'")[["enrolment_id", "day"]]
    assert 0.15 < len(failed.merge(asked.drop_duplicates())) / len(failed) < 0.6


def test_a_question_before_the_purchase_is_of_somebody_not_yet_known(tables):
    rows = tables["tickets"].query("category == 'presale' and event == 'opened'")
    joined = rows.merge(tables["identities"], left_on="student_id", right_on="alias", suffixes=("", "_joined"))
    assert len(joined) > 10
    assert (joined["occurred_at"] < joined["known_at_joined"]).all()
