"""Reports of outside workers, through a plain session of their own engine, on SQLite and on Postgres alike."""

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, sessionmaker

from headrace.eventlog.wakeup import hear
from headrace.status import DocumentProcessingStatus, SqlStatusRepository, StatusService, WorkspaceStatus
from headrace.store.database import Database
from headrace.store.migrations import upgrade
from tests.relaying import Shelf, shelf

SECONDS = 60.0
READY, PROCESSING, FAILED = (
    DocumentProcessingStatus.READY,
    DocumentProcessingStatus.PROCESSING,
    DocumentProcessingStatus.FAILED,
)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_database"))
    return f"sqlite:///{tmp_path / 'headrace.db'}"


@pytest.fixture
def known(url: str) -> Iterator[Shelf]:
    database = Database(url)
    upgrade(database)
    yield shelf(database)
    database.close()


@pytest.fixture
def sessions(url: str) -> Iterator[sessionmaker[Session]]:
    """As a worker that knows only the URL has them."""
    engine = create_engine(url)
    yield sessionmaker(bind=engine)
    engine.dispose()


@pytest.fixture
def session(sessions: sessionmaker[Session]) -> Iterator[Session]:
    with sessions() as opened:
        yield opened


@pytest.fixture
def service(session: Session) -> StatusService:
    return StatusService(SqlStatusRepository(session))


def test_a_report_changes_the_document_and_is_one_numbered_event_of_no_job(
    known: Shelf, service: StatusService
) -> None:
    before = len(known.events())

    document = service.update_document_status(
        document_id=known.document_id, status=READY, chunk_count=77, metadata={"model": "mine"}
    ).unwrap()

    assert document.processing_status == "ready"
    assert document.chunk_count == 77
    assert document.metadata == {"colour": "blue", "model": "mine"}
    assert known.document()["metadata"] == document.metadata
    (told,) = known.events()[before:]
    frame = json.loads(told["body"])
    assert (told["type"], told["job_id"], told["sequence"]) == ("document.status.updated", None, None)
    assert (frame["processing_status"], frame["chunk_count"], frame["seq"]) == ("ready", 77, None)
    assert document.event_id == f"{known.database.epoch}-{told['number']}"


def test_an_error_is_told_and_is_gone_with_the_next_report(known: Shelf, service: StatusService) -> None:
    failed = service.update_document_status(known.document_id, FAILED, error="no text in it").unwrap()
    better = service.update_document_status(known.document_id, PROCESSING).unwrap()

    assert failed.processing_error == "no text in it"
    assert better.processing_error is None


def test_a_workspace_is_reported_on_with_a_message(known: Shelf, service: StatusService) -> None:
    workspace = service.update_workspace_status(known.workspace_id, WorkspaceStatus.ERROR, "being moved").unwrap()

    assert (workspace.status, workspace.status_message) == ("error", "being moved")
    frame = json.loads(known.events()[-1]["body"])
    assert (frame["workspace_status"], frame["status_message"]) == ("error", "being moved")


@pytest.mark.parametrize("unknown", ["01a20179-e9bb-7105-a5e4-dce49a775d7d", 999, None, "", "\0", "x" * 500, "'; --"])
def test_what_is_not_there_is_not_found_and_leaves_no_event(
    known: Shelf, service: StatusService, unknown: object
) -> None:
    before = len(known.events())

    assert "not found" in service.update_document_status(unknown, READY).error
    assert "not found" in service.update_workspace_status(unknown, WorkspaceStatus.READY).error
    assert len(known.events()) == before


def test_a_word_that_is_no_status_is_refused(known: Shelf, service: StatusService) -> None:
    with pytest.raises(ValueError, match="sideways"):
        service.update_document_status(known.document_id, "sideways")
    assert known.document()["processing_status"] == "pending"


def test_fewer_chunks_than_none_are_refused(known: Shelf, service: StatusService) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        service.update_document_status(known.document_id, READY, chunk_count=-5)


def test_what_the_session_held_is_committed_with_the_report(
    known: Shelf, service: StatusService, session: Session, sessions: sessionmaker[Session]
) -> None:
    session.execute(text("CREATE TABLE notes (words TEXT)"))
    session.execute(text("INSERT INTO notes VALUES ('mine')"))

    service.update_document_status(known.document_id, READY).unwrap()

    with sessions() as other:
        assert other.execute(text("SELECT words FROM notes")).scalar() == "mine"


def test_reports_of_many_workers_are_all_told_in_one_order(known: Shelf, sessions: sessionmaker[Session]) -> None:
    def report(worker: int) -> None:
        with sessions() as session:
            service = StatusService(SqlStatusRepository(session))
            for number in range(10):
                service.update_document_status(known.document_id, PROCESSING, metadata={f"{worker}": number}).unwrap()

    before = len(known.events())
    with ThreadPoolExecutor(4) as workers:
        list(workers.map(report, range(4)))

    numbers = [row["number"] for row in known.events()[before:]]
    assert numbers == list(range(numbers[0], numbers[0] + 40))
    assert {known.document()["metadata"][f"{worker}"] for worker in range(4)} == {9}


def test_a_report_waits_for_a_writer_that_holds_the_database(known: Shelf, sessions: sessionmaker[Session]) -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with known.database.write() as transaction:
            transaction.execute(text("UPDATE document SET chunk_count = 1"))
            held.set()
            done.wait(0.3)

    with ThreadPoolExecutor(1) as pool, sessions() as session:
        writer = pool.submit(hold)
        held.wait(SECONDS)
        result = StatusService(SqlStatusRepository(session)).update_document_status(known.document_id, READY)
        writer.result(SECONDS)

    assert result.unwrap().chunk_count == 1


def test_whoever_listens_is_woken_by_a_report(known: Shelf, service: StatusService) -> None:
    async def listen() -> str:
        listening, woken, heard = asyncio.Event(), asyncio.Event(), []

        def ring(user_id: str) -> None:
            listening.set()
            if user_id:
                heard.append(user_id)
                woken.set()

        task = asyncio.create_task(hear(known.database, ring))
        async with asyncio.timeout(SECONDS):
            await listening.wait()
            await asyncio.to_thread(service.update_document_status, known.document_id, READY)
            await woken.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return heard[0]

    assert asyncio.run(listen()) == known.user_id
