"""The services that other tests rely on, each used for real."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests import services

PROJECT = Path(__file__).parents[2]


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""))


def test_postgres_answers_and_has_vectors(postgres_database: str) -> None:
    with connect(postgres_database) as connection:
        connection.execute("CREATE EXTENSION vector")
        row = connection.execute("SELECT '[1,2]'::vector <-> '[1,5]'").fetchone()

    assert row == (3.0,)


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_gets_an_empty_database(postgres_database: str, turn: int) -> None:
    with connect(postgres_database) as connection:
        connection.execute("CREATE TABLE once (n int)")


@pytest.fixture
def left_open() -> Iterator[list[psycopg.Connection]]:
    """Connections that outlive the database: asked for before it, so torn down after it."""
    connections: list[psycopg.Connection] = []
    yield connections
    for connection in connections:
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        connection.close()


def test_a_database_is_dropped_even_under_an_open_connection(
    left_open: list[psycopg.Connection], postgres_database: str
) -> None:
    left_open.append(connect(postgres_database))

    assert left_open[0].execute("SELECT 1").fetchone() == (1,)


def test_redis_answers(redis_url: str) -> None:
    assert services.answers(port_of(redis_url), b"PING\r\n", b"+PONG\r\n")


def test_rabbitmq_offers_the_handshake(rabbitmq_url: str) -> None:
    assert services.answers(port_of(rabbitmq_url), services.AMQP_HELLO, services.AMQP_START)


def test_a_stopped_service_no_longer_answers() -> None:
    with services.redis() as url:
        port = port_of(url)

    assert not services.answers(port, b"PING\r\n", b"+PONG\r\n")


def test_free_ports_are_different() -> None:
    assert len(set(services.free_ports(20))) == 20


def test_a_missing_program_says_how_to_get_it() -> None:
    with pytest.raises(services.Missing, match="no-such-program is not installed; get it with: apt-get install some"):
        services.needs("no-such-program", "some")


@pytest.mark.parametrize(("ci", "outcome"), [("", "1 skipped"), ("true", "1 failed")])
def test_a_missing_program_is_a_skip_for_a_developer_and_a_failure_in_ci(tmp_path: Path, ci: str, outcome: str) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_runtest_makereport\n")
    (tmp_path / "test_it.py").write_text(
        "from tests import services\ndef test_it(): services.needs('no-such-program')\n"
    )

    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        env={"CI": ci, "PYTHONPATH": str(PROJECT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert outcome in run.stdout


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port
