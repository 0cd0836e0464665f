"""Tokens, sessions and tickets, on SQLite and on Postgres alike."""

import hmac
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from headrace.model.errors import Conflict, InvalidField, JobNotFound, NotAuthenticated, NotFound
from headrace.model.ids import UserId
from headrace.model.principal import ALL_SCOPES, LOCAL, Principal, TokenScope
from headrace.server.access import Access, Kind, digest, is_secret, make_secret
from headrace.settings import Settings
from headrace.store import migrations, tokens
from headrace.store.database import Database
from headrace.store.schema import ticket, token

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Database]:
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'headrace.db'}" if is_sqlite else request.getfixturevalue("postgres_database")
    made = Database(url, clock=clock)
    migrations.upgrade(made)
    yield made
    made.close()


@pytest.fixture
def access(database: Database, tmp_path: Path) -> Access:
    return Access(Settings(data_dir=tmp_path, session_hours=24), database)


def find(database: Database, secret: str) -> Principal | None:
    with database.read() as connection:
        found = tokens.find(connection, digest(secret), database.clock())
    return found.principal if found else None


def everything_stored(database: Database) -> str:
    with database.read() as connection:
        return repr([connection.execute(sa.select(table)).all() for table in (token, ticket)])


def test_a_token_has_256_random_bits_and_says_what_it_is() -> None:
    made = {make_secret(Kind.TOKEN) for _ in range(1000)}

    assert len(made) == 1000
    assert {len(one) for one in made} == {len("hr_") + 43}
    assert all(is_secret(one, Kind.TOKEN) for one in made)


@pytest.mark.parametrize("kind", Kind)
def test_a_secret_of_one_kind_is_none_of_another(kind: Kind) -> None:
    secret = make_secret(kind)

    assert [other for other in Kind if is_secret(secret, other)] == [kind]
    assert not is_secret(secret + "\n", kind)
    assert not is_secret(secret[:-1] + "ü", kind)


def test_only_the_hash_of_a_secret_is_stored(database: Database, access: Access) -> None:
    made, _ = access.create_token("anna")
    session, _ = access.open_session(made)
    taken, _ = access.issue_ticket(LOCAL, None)
    stored = everything_stored(database)

    assert [one for one in (made, session, taken) if one in stored or one[4:] in stored] == []
    assert stored.count("hr_") == stored.count("hrs_") == stored.count("hrt_") == 0
    assert repr(digest(made)) in stored


def test_a_token_speaks_for_its_user(database: Database, access: Access) -> None:
    made, told = access.create_token("anna", scopes=[TokenScope.READ])

    assert find(database, made) == Principal(
        user_id=UserId("anna"), scopes=frozenset({TokenScope.READ}), credential=told.token_id
    )
    assert find(database, make_secret(Kind.TOKEN)) is None


def test_a_token_is_compared_in_constant_time(
    database: Database, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[object, object]] = []
    compare = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda one, two: compared.append((one, two)) or compare(one, two))
    made, _ = access.create_token("anna")
    taken, _ = access.issue_ticket(LOCAL, None)
    find(database, made)
    access.redeem_ticket(taken, None)

    assert compared == [(digest(made), digest(made)), (digest(taken), digest(taken))]


def test_a_token_expires(database: Database, access: Access, clock: Clock) -> None:
    made, _ = access.create_token("anna", expires_days=2)
    clock.move(days=2, seconds=-1)
    before = find(database, made)
    clock.move(seconds=1)

    assert before is not None
    assert find(database, made) is None


def test_a_revoked_token_is_worth_nothing_and_is_still_listed(database: Database, access: Access) -> None:
    made, told = access.create_token("anna", name="laptop")
    access.revoke_token(told.token_id[:6])
    access.revoke_token(told.token_id)

    assert find(database, made) is None
    assert [(one.user_id, one.name, one.revoked_at) for one in access.list_tokens()] == [("anna", "laptop", NOW)]


def test_revoking_needs_an_id_that_is_one_tokens(access: Access) -> None:
    for _ in range(17):
        _, told = access.create_token("anna")
    doubled = next(c for c in "0123456789abcdef" if sum(one.token_id[0] == c for one in access.list_tokens()) > 1)

    for unknown in ("", "x", "%", "_", told.token_id + "0"):
        with pytest.raises(NotFound, match="no token with id"):
            access.revoke_token(unknown)
    with pytest.raises(Conflict, match="several tokens"):
        access.revoke_token(doubled)


@pytest.mark.parametrize("name", ["", " anna", "anna ", "an\nna", "an\0na", "x" * 201, "\u202eanna"])
def test_a_user_has_a_name_that_can_be_printed(access: Access, name: str) -> None:
    with pytest.raises(InvalidField, match="user"):
        access.create_token(name)


@pytest.mark.parametrize("days", [0, -1, 1e9, float("nan"), float("inf")])
def test_a_token_expires_after_a_time_that_can_be_meant(access: Access, days: float) -> None:
    with pytest.raises(InvalidField, match="expires_days"):
        access.create_token("anna", expires_days=days)


def test_a_session_ends_with_its_token_and_no_later(database: Database, access: Access, clock: Clock) -> None:
    short, _ = access.create_token("anna", expires_days=0.5)
    long, told = access.create_token("anna")
    (of_short, first), (of_long, second) = access.open_session(short), access.open_session(long)

    assert (first.expires_at, second.expires_at) == (NOW + timedelta(hours=12), NOW + timedelta(hours=24))
    access.revoke_token(told.token_id)
    assert (find(database, of_short) is None, find(database, of_long) is None) == (False, True)


def test_ending_a_session_leaves_its_token_valid(database: Database, access: Access) -> None:
    made, _ = access.create_token("anna")
    session, _ = access.open_session(made)
    access.end_session(session)
    access.end_session(made)  # not a session

    assert find(database, session) is None
    assert find(database, made) is not None


def test_sessions_that_are_over_are_forgotten(database: Database, access: Access, clock: Clock) -> None:
    made, _ = access.create_token("anna")
    for _ in range(3):
        access.open_session(made)
        clock.move(hours=25)
    access.open_session(made)

    with database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(token)) == 2


def test_a_session_cannot_be_opened_by_a_session(access: Access) -> None:
    made, _ = access.create_token("anna")
    session, _ = access.open_session(made)

    for secret in (session, "", "hr_", make_secret(Kind.TOKEN), make_secret(Kind.TICKET)):
        with pytest.raises(NotAuthenticated):
            access.open_session(secret)


def test_a_ticket_serves_one_of_many_who_come_at_once(database: Database, access: Access) -> None:
    made, told = access.create_token("anna")
    who = find(database, made)
    assert who is not None
    for _ in range(5):
        taken, _ = access.issue_ticket(who, None)
        with ThreadPoolExecutor(8) as pool:
            served = list(pool.map(lambda _, taken=taken: redeem(access, taken), range(8)))

        assert [one for one in served if one] == [
            Principal(user_id=UserId("anna"), scopes=frozenset({TokenScope.READ}), credential=told.token_id)
        ]


def test_a_ticket_is_valid_for_30_seconds_at_most(database: Database, access: Access, clock: Clock) -> None:
    old, expires_at = access.issue_ticket(LOCAL, None)
    clock.move(seconds=30)
    access.issue_ticket(LOCAL, None)

    assert expires_at == NOW + timedelta(seconds=30)
    assert redeem(access, old) is None
    with database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(ticket)) == 1
    with pytest.raises(ValueError, match="less than or equal to 30"):
        Settings(ticket_seconds=31)


def test_a_ticket_for_a_job_is_used_up_by_another_stream(database: Database, access: Access) -> None:
    with database.write() as transaction:
        tokens.add_ticket(transaction, digest(hidden := make_secret(Kind.TICKET)), LOCAL, "job", timedelta(seconds=9))

    assert redeem(access, hidden, "another") is None
    assert redeem(access, hidden, "job") is None
    with pytest.raises(JobNotFound):
        access.issue_ticket(LOCAL, "job")


def test_a_ticket_is_worth_nothing_once_its_token_is_revoked(database: Database, access: Access) -> None:
    made, told = access.create_token("anna")
    who = find(database, made)
    assert who is not None
    taken, _ = access.issue_ticket(who, None)
    access.revoke_token(told.token_id)

    assert redeem(access, taken) is None


def test_what_is_told_of_a_token_holds_no_hash() -> None:
    assert [field.name for field in fields(tokens.Token) if "hash" in field.name or "secret" in field.name] == []


def test_everybody_may_do_everything_while_nobody_has_to_log_in() -> None:
    assert Principal(user_id=UserId("local"), scopes=ALL_SCOPES) == LOCAL


def redeem(access: Access, secret: str, job_id: str | None = None) -> Principal | None:
    try:
        return access.redeem_ticket(secret, job_id)
    except NotAuthenticated:
        return None
