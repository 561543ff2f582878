from __future__ import annotations


def test_most_other_names_are_joined_and_some_are_not(tables):
    known = set(tables["identities"]["alias"])
    for table, prefix in (("payments", "crm:"), ("tickets", "email:")):
        names = tables[table]["student_id"]
        other = names[names.str.startswith(prefix)]
        assert 0.05 < len(other) / len(names) < 0.35, table
        assert 0.7 < other.isin(known).mean() < 1, table


def test_a_name_belongs_to_one_student_and_holds_no_address(tables):
    rows = tables["identities"]
    assert rows["alias"].is_unique
    assert rows["alias"].str.fullmatch(r"crm:\d+|email:[0-9a-f]{64}").all()
    assert set(rows["student_id"]) <= set(tables["students"]["student_id"])
    assert set(rows["source"]) == {"crm", "helpdesk"}


def test_what_the_crm_handles_is_known_the_next_morning(tables):
    rows = tables["payments"]
    crm = rows["student_id"].str.startswith("crm:")
    assert (rows.loc[~crm, "known_at"] == rows.loc[~crm, "occurred_at"]).all()
    known = rows.loc[crm, "known_at"].dt.tz_convert("Europe/Moscow")
    assert set(known.dt.hour) == {4}
    assert (known.dt.date > rows.loc[crm, "occurred_at"].dt.tz_convert("Europe/Moscow").dt.date).all()
