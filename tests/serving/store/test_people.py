from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from features.errors import BadInput

AT = datetime(2025, 3, 1, 12, tzinfo=UTC)


def test_a_key_is_kept_and_can_be_ended(store) -> None:
    store.add_key("0a1b2c3d", "f" * 64, ["score", "read"], "crm", AT)
    key = store.key("0a1b2c3d")
    assert (key.scopes, key.name, key.expires_at, key.revoked_at, key.last_used_at) == (
        ("score", "read"),
        "crm",
        AT,
        None,
        None,
    )
    store.key_used("0a1b2c3d", AT)
    assert store.revoke_key("0a1b2c3d", AT)
    assert not store.revoke_key("0a1b2c3d", AT + timedelta(days=1))
    assert not store.revoke_key("ffffffff", AT)
    key = store.key("0a1b2c3d")
    assert (key.last_used_at, key.revoked_at) == (AT, AT)
    assert store.key("ffffffff") is None


def test_a_login_is_taken_once(store) -> None:
    store.add_account("anna", "hash", "curator", "ru")
    with pytest.raises(BadInput, match="anna: the login is taken"):
        store.add_account("anna", "other", "admin", "en")
    found = store.account("anna")
    assert (found.login, found.password_hash, found.role, found.language) == ("anna", "hash", "curator", "ru")
    assert store.account("Anna") is None


def test_a_password_can_be_replaced(store) -> None:
    assert not store.set_password_hash("anna", "new")
    store.add_account("anna", "hash", "curator", "ru")
    assert store.set_password_hash("anna", "new")
    assert store.account("anna").password_hash == "new"


def test_failures_are_counted_per_login_and_forgotten_after_a_day(store) -> None:
    assert store.failures("anna") is None
    store.add_failure("anna", AT)
    store.add_failure("anna", AT + timedelta(minutes=1))
    store.add_failure("boris", AT)
    assert store.failures("anna") == (2, AT + timedelta(minutes=1))
    store.clear_failures("anna")
    assert store.failures("anna") is None
    store.add_failure("wei", AT + timedelta(days=1, minutes=2))
    assert store.failures("boris") is None


def test_the_audit_names_who_did_what(store) -> None:
    store.audit("anna", "student.viewed", "s1")
    store.audit("key:0a1b2c3d", "consent.reported", "s2", {"event_id": "c1"})
    newest, oldest = store.audit_trail()
    assert (newest["actor"], newest["what"], newest["subject"], newest["detail"]) == (
        "key:0a1b2c3d",
        "consent.reported",
        "s2",
        {"event_id": "c1"},
    )
    assert newest["at"].tzinfo is UTC
    assert oldest["detail"] == {}
    assert store.audit_trail("s1") == [oldest]
    assert store.audit_trail(limit=1) == [newest]
