"""What all tests share: the services, each started when first asked for and once per session."""

import os
import signal
from collections.abc import Generator, Iterator
from uuid import uuid4

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql
from sqlalchemy import make_url

from tests import services

settings.register_profile("untimed", deadline=None)  # a slow machine is no defect
settings.load_profile("untimed")

# Started in the background by a shell we ignore Ctrl-C, and every command that we start would ignore it, too.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report a test whose program is not installed as skipped; in CI, where everything must be there, as failed."""
    report = yield
    if call.excinfo is not None and call.excinfo.errisinstance(services.Missing) and not os.environ.get("CI"):
        path, line, _ = item.location
        report.outcome = "skipped"
        report.longrepr = (path, (line or 0) + 1, f"Skipped: {call.excinfo.value}")
    return report


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The session's Postgres server: a SQLAlchemy URL (`postgresql+psycopg://`) of its own `postgres` database."""
    with services.postgres() as url:
        yield url


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The SQLAlchemy URL of a new, empty database in the session's server; dropped after the test."""
    name = f"test_{uuid4().hex}"
    server = postgres_url.replace("+psycopg", "")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The session's Redis; its data is shared by the tests, so use keys and channels of your own."""
    with services.redis() as url:
        yield url


@pytest.fixture(scope="session")
def rabbitmq_url() -> Iterator[str]:
    """The session's RabbitMQ; its exchanges are shared by the tests, so use names of your own."""
    with services.rabbitmq() as url:
        yield url
