from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from features import clock
from features.errors import BadInput, NotFound, Refused, Unavailable
from serving import access
from serving.access import Person, Principal, authenticate_key, check_password, create_key, create_user, set_password
from serving.store import Store

RIGHT = "three unrelated words"


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    """Real argon2, at a cost that tests can pay."""
    with pytest.MonkeyPatch.context() as patch:
        hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr(access, "_hasher", lambda: hasher)
        yield


@pytest.fixture(scope="module")
def _people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one curator."""
    file = tmp_path_factory.mktemp("access") / "people.db"
    store = Store(f"sqlite:///{file}")
    store.migrate()
    create_user(store, "anna", RIGHT, "curator", "ru")
    store.close()
    return file


@pytest.fixture
def store(_people: Path, tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{shutil.copy(_people, tmp_path / 'handrail.db')}")
    yield store
    store.close()


class _Clock:
    def __init__(self) -> None:
        self.at = datetime(2025, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def pass_(self, **time: float) -> None:
        self.at += timedelta(**time)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    stopped = _Clock()
    monkeypatch.setattr(clock, "now", stopped.now)
    return stopped


def test_a_key_opens_its_scopes_and_no_other(store) -> None:
    key = create_key(store, {"read", "score"}, name="crm")
    assert authenticate_key(store, key, "score") == Principal(key[3:11], "crm", ("score", "read"))
    with pytest.raises(Refused, match="is not for write"):
        authenticate_key(store, key, "write")


def test_an_admin_key_opens_everything(store) -> None:
    key = create_key(store, ["admin"])
    assert all(authenticate_key(store, key, scope) for scope in access.SCOPES)


def test_keys_differ_and_their_secrets_are_not_stored(store) -> None:
    keys = [create_key(store, ["score"]) for _ in range(20)]
    assert len({key[:11] for key in keys}) == 20
    store.close()
    kept = Path(store._engine.url.database).read_bytes()
    assert all(key[3:11].encode() in kept for key in keys)
    assert not any(key[12:].encode() in kept for key in keys)


def test_what_is_not_a_good_key_is_nobody(store) -> None:
    key = create_key(store, ["score"])
    wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
    other = create_key(store, ["score"])
    swapped = other[:12] + key[12:]
    for presented in (
        wrong,
        swapped,
        key[:-1],
        key + "0",
        key.upper(),
        "",
        "hr__",
        "hr_\x00",
        "Bearer " + key,
        key + "\n",
    ):
        assert authenticate_key(store, presented, "score") is None, presented


def test_an_expired_key_is_nobody_from_that_moment(store, time) -> None:
    key = create_key(store, ["score"], expires_at=time.at + timedelta(hours=1))
    time.pass_(minutes=59, seconds=59)
    assert authenticate_key(store, key, "score")
    time.pass_(seconds=1)
    assert authenticate_key(store, key, "score") is None


def test_a_revoked_key_is_nobody_at_once(store) -> None:
    key = create_key(store, ["score"])
    assert authenticate_key(store, key, "score")
    store.revoke_key(key[3:11], clock.now())
    assert authenticate_key(store, key, "score") is None


def test_the_last_use_is_noted_coarsely(store, time) -> None:
    key = create_key(store, ["score"])
    first = time.at
    for minutes, noted in ((0, first), (59, first), (2, first + timedelta(minutes=61))):
        time.pass_(minutes=minutes)
        authenticate_key(store, key, "score")
        assert store.key(key[3:11]).last_used_at == noted


def test_a_good_key_is_not_refused_because_its_use_cannot_be_noted(store, monkeypatch) -> None:
    key = create_key(store, ["score"])

    def locked(prefix: str, at: datetime) -> None:
        raise Unavailable("the database does not answer")

    monkeypatch.setattr(store, "key_used", locked)
    assert authenticate_key(store, key, "score")


@pytest.mark.parametrize("scopes", [[], ["everything"], ["score", "root"]])
def test_a_key_needs_scopes_that_exist(store, scopes: list[str]) -> None:
    with pytest.raises(BadInput, match="score, read, write, admin"):
        create_key(store, scopes)


def test_the_right_password_opens_and_a_wrong_one_does_not(store) -> None:
    assert check_password(store, "anna", RIGHT) == Person("anna", "curator", "ru")
    for login, password in (("anna", RIGHT + "x"), ("anna", ""), ("Anna", RIGHT), ("nobody", RIGHT), ("anna ", RIGHT)):
        assert check_password(store, login, password) is None


def test_a_password_is_kept_as_an_argon2_hash(store, monkeypatch) -> None:
    monkeypatch.setattr(access, "_hasher", PasswordHasher)
    create_user(store, "boris", RIGHT, "head")
    assert "m=65536,t=3" in store.account("boris").password_hash
    assert check_password(store, "boris", RIGHT)
    hashes = [store.account(login).password_hash for login in ("anna", "boris")]
    assert all(one.startswith("$argon2id$") for one in hashes)
    assert hashes[0] != hashes[1]


def test_a_damaged_hash_lets_nobody_in(store) -> None:
    store.set_password_hash("anna", "not a hash")
    assert check_password(store, "anna", RIGHT) is None


@pytest.mark.parametrize("login", ["anna", "nobody"])
def test_after_five_wrong_passwords_everyone_waits(store, time, login: str) -> None:
    for _ in range(access.FREE_ATTEMPTS):
        assert check_password(store, login, "wrong") is None
    with pytest.raises(Refused, match="Try again in 1 min"):
        check_password(store, login, RIGHT)
    time.pass_(seconds=60)
    assert check_password(store, login, "wrong") is None
    time.pass_(seconds=60)
    with pytest.raises(Refused, match="Try again in 1 min"):
        check_password(store, login, RIGHT)
    time.pass_(seconds=60)
    assert (check_password(store, login, RIGHT) is not None) is (login == "anna")


def test_the_wait_doubles_to_a_quarter_of_an_hour(store, time) -> None:
    waits = []
    for _ in range(access.FREE_ATTEMPTS):
        check_password(store, "anna", "wrong")
    for _ in range(7):
        with pytest.raises(Refused) as refused:
            check_password(store, "anna", RIGHT)
        waits.append(refused.value.mend)
        time.pass_(minutes=15)
        check_password(store, "anna", "wrong")
    assert waits == [f"Try again in {minutes} min" for minutes in (1, 2, 4, 8, 15, 15, 15)]


def test_a_right_password_forgets_the_wrong_ones(store) -> None:
    for _ in range(3):
        for _ in range(access.FREE_ATTEMPTS - 1):
            check_password(store, "anna", "wrong")
        assert check_password(store, "anna", RIGHT)
    assert check_password(store, "boris", RIGHT) is None, "one login's failures are not another's"


def test_trying_many_at_once_does_not_help(store) -> None:
    def guess(number: int) -> bool:
        try:
            return check_password(store, "anna", f"guess {number}") is None
        except Refused:
            return False

    with ThreadPoolExecutor(8) as pool:
        tried = sum(pool.map(guess, range(40)))
    assert tried <= access.FREE_ATTEMPTS + 8


def test_a_strange_login_is_nobody_and_leaves_no_trace(store) -> None:
    for login in ("", "a b", "a\nb", "\x00", "x" * 101):
        assert check_password(store, login, RIGHT) is None
    assert check_password(store, "anna", "x" * 100_000) is None
    with store.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM login_failure")).scalar() == 0


def test_a_new_password_replaces_the_old_and_ends_the_wait(store) -> None:
    for _ in range(access.FREE_ATTEMPTS):
        check_password(store, "anna", "wrong")
    set_password(store, "anna", "another three words")
    assert check_password(store, "anna", "another three words")
    assert check_password(store, "anna", RIGHT) is None
    with pytest.raises(NotFound, match="nobody: there is no such login"):
        set_password(store, "nobody", RIGHT)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"login": "a b"}, "is not a usable login"),
        ({"login": ""}, "is not a usable login"),
        ({"password": "short"}, "Use 10 to 200 characters"),
        ({"password": "x" * 201}, "Use 10 to 200 characters"),
        ({"role": "king"}, "curator, head, admin"),
        ({"language": "xx"}, "en, ru, zh"),
        ({"login": "anna"}, "the login is taken"),
    ],
)
def test_an_account_that_cannot_be_made(store, fields: dict[str, str], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        create_user(store, **{"login": "wei", "password": RIGHT, "role": "curator", "language": "zh", **fields})
    assert store.account("wei") is None
