"""What comes in is taken whole, once, and within the limits, on SQLite and on Postgres alike."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from headrace.engine import dispatch
from headrace.engine.dispatch import DurableDispatcher
from headrace.model.cursor import Cursor
from headrace.model.errors import (
    HeadraceError,
    InvalidField,
    KeyReused,
    QueueFull,
    TooLarge,
    UnsupportedType,
    WrongState,
)
from headrace.model.ids import LOCAL_USER, UserId
from headrace.model.job import Job
from headrace.model.vocabulary import EventType, JobType
from headrace.pipeline.embed import Embedders, Options
from headrace.service import Intake, Jobs, Library, Request
from headrace.settings import Settings
from headrace.store import record, work, workspaces
from headrace.store.blobs import Blobs
from headrace.store.database import Database
from headrace.store.migrations import upgrade
from tests.contracts.storing import empty
from tests.contracts.test_log import new_postgres
from tests.faults.chaos import until

AT_ONCE = 6


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('service')}/headrace.db"
        else:
            url = stack.enter_context(new_postgres(request.getfixturevalue("postgres_url")))
        made = Database(url)
        upgrade(made)
        dispatch.prepare(made)
        stack.callback(made.close)
        yield made


@pytest.fixture(scope="module")
def dispatcher(database: Database) -> Iterator[DurableDispatcher]:
    made = DurableDispatcher(database)
    yield made
    made.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path, min_free_disk_bytes=0, max_pending_jobs=100, max_file_bytes=1000, max_metadata_bytes=200,
        max_metadata_depth=3, max_filename_bytes=40,
    )  # fmt: skip


@pytest.fixture
def service(settings: Settings, database: Database, dispatcher: DurableDispatcher) -> Jobs:
    empty(database)
    return Jobs(settings, database, Blobs(settings.data_dir / "blobs"), dispatcher)


@pytest.fixture
def library(database: Database, dispatcher: DurableDispatcher) -> Library:
    return Library(Settings(), database, dispatcher, Embedders(Options(default="none")))


def request(**given: Any) -> Request:
    return Request(**{"job_type": JobType.TEXT} | given)


def submit(service: Jobs, text: str = "a text", user: UserId = LOCAL_USER, **asked: Any) -> Job:
    with service.intake() as intake:
        intake.add_text(text)
        return service.submit(user, request(**asked), intake)


def files(service: Jobs) -> list[Path]:
    return [path for path in service.blobs.folder.rglob("*") if path.is_file()]


def all_at_once(act: Callable[[int], object]) -> list[object]:
    barrier = threading.Barrier(AT_ONCE, timeout=60)

    def run(number: int) -> object:
        barrier.wait()
        return act(number)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [one.result() for one in [pool.submit(run, number) for number in range(AT_ONCE)]]


def test_texts_of_one_request_share_one_file_and_come_back_as_they_were(service: Jobs, library: Library) -> None:
    texts = ["one", "zwei äöü", "трѝ", ""]
    with service.intake() as intake:
        for text in texts:
            intake.add_text(text)
        job = service.submit(LOCAL_USER, request(), intake)

    items = service.list_items(LOCAL_USER, job.job_id, after=None, limit=9)
    stored = [library.get_document(LOCAL_USER, one.document_id).blob for one in items]
    assert [service.blobs.read(where).decode() for where in stored] == texts
    assert len(files(service)) == 1


def test_an_intake_that_is_left_without_a_submission_leaves_nothing(service: Jobs) -> None:
    with service.intake() as intake:
        intake.add_text("a text")
        incoming = intake.open_file("a.txt")
        incoming.write(b"half a fi")

    assert files(service) == []


def test_nothing_is_accepted_without_a_document(service: Jobs) -> None:
    with service.intake() as intake, pytest.raises(InvalidField):
        service.submit(LOCAL_USER, request(), intake)


def test_the_same_key_and_body_is_the_same_job_and_stores_nothing_more(service: Jobs) -> None:
    first = submit(service, idempotency_key="k")
    kept = files(service)

    assert submit(service, idempotency_key="k").job_id == first.job_id
    assert files(service) == kept
    assert service.count_jobs(LOCAL_USER)["total_jobs"] == 2  # its workspace is provisioned by a job of its own


@pytest.mark.parametrize(
    "other",
    [{"text": "another text"}, {"workspace": "elsewhere"}, {"metadata": {"a": 1}}, {"force_recreate": True}],
)
def test_a_key_with_another_body_is_refused(service: Jobs, other: dict[str, Any]) -> None:
    submit(service, idempotency_key="k")

    with pytest.raises(KeyReused):
        submit(service, **{"idempotency_key": "k"} | other)


def test_a_key_is_its_user_s_own(service: Jobs) -> None:
    mine = submit(service, idempotency_key="k")
    hers = submit(service, "another text", UserId("eve"), idempotency_key="k")

    assert mine.job_id != hers.job_id


def test_no_key_and_an_empty_key_are_the_same(service: Jobs) -> None:
    sent = {submit(service, idempotency_key=key).job_id for key in ("", "", None, None)}

    assert len(sent) == 4


def test_the_same_key_sent_several_times_at_once_is_one_job(service: Jobs) -> None:
    submit(service)

    jobs = all_at_once(lambda _: submit(service, idempotency_key="k").job_id)

    assert len(set(jobs)) == 1


def test_a_collection_first_used_several_times_at_once_is_one_workspace(service: Jobs, library: Library) -> None:
    jobs = all_at_once(lambda number: submit(service, f"text {number}", workspace="new").workspace_id)

    assert len(set(jobs)) == 1
    assert [one.name for one in library.list_workspaces(LOCAL_USER, limit=9, before=None)] == ["new"]


def test_the_same_key_asks_for_one_more_ingest_of_a_document_and_not_for_several(service: Jobs) -> None:
    first, other = (
        service.list_items(LOCAL_USER, submit(service).job_id, after=None, limit=1)[0].document_id for _ in range(2)
    )

    jobs = all_at_once(lambda _: service.ingest_again(LOCAL_USER, first, idempotency_key="again").job_id)

    assert len(set(jobs)) == 1
    assert service.ingest_again(LOCAL_USER, first).job_id not in jobs
    with pytest.raises(KeyReused):
        service.ingest_again(LOCAL_USER, other, idempotency_key="again")


def test_a_full_queue_is_refused_before_anything_is_read(
    service: Jobs, settings: Settings, dispatcher: DurableDispatcher
) -> None:
    small = Jobs(settings.model_copy(update={"max_pending_jobs": 1}), service.database, service.blobs, dispatcher)
    submit(service)  # the job of its workspace does not count

    with pytest.raises(QueueFull):
        small.check_room()


def take(intake: Intake, **given: Any) -> None:
    values = {"text": "a text", "filename": "a.txt", "metadata": {}} | given
    intake.add_text(values["text"], filename=values["filename"], metadata=values["metadata"])


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"text": "x" * 1001}, TooLarge),
        ({"filename": "x" * 41}, InvalidField),
        ({"metadata": {"a": "x" * 200}}, InvalidField),
        ({"metadata": {"a": {"b": {"c": {"d": 1}}}}}, InvalidField),
        ({"metadata": {"a": float("nan")}}, InvalidField),
        ({"metadata": {"a": [float("inf")]}}, InvalidField),
        ({"metadata": {"a": "nul \0"}}, InvalidField),
        ({"metadata": {"nul \0": 1}}, InvalidField),
        ({"metadata": {"a": "half a pair \ud83d"}}, InvalidField),
    ],
)
def test_what_is_beyond_the_limits_is_refused_and_leaves_nothing(
    service: Jobs, given: dict[str, Any], error: type[HeadraceError]
) -> None:
    with service.intake() as intake, pytest.raises(error):
        take(intake, **given)

    assert files(service) == []


def test_metadata_too_deep_to_be_looked_at_are_refused(service: Jobs) -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]

    with service.intake() as intake, pytest.raises(InvalidField):
        take(intake, metadata={"a": deep})


def test_a_file_is_refused_by_its_content_and_named(service: Jobs) -> None:
    with service.intake() as intake:
        incoming = intake.open_file("notes.txt")
        incoming.write(b"MZ\x90\x00\x03" + bytes(range(256)))
        intake.add_file(incoming)
        with pytest.raises(UnsupportedType, match=r"notes\.txt"):
            service.submit(LOCAL_USER, Request(job_type=JobType.FILE), intake)

    assert files(service) == []


def test_a_file_that_grows_too_large_is_refused_at_once(service: Jobs) -> None:
    with service.intake() as intake:
        incoming = intake.open_file("a.txt")
        incoming.write(b"x" * 1000)
        with pytest.raises(TooLarge):
            incoming.write(b"x")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("../../etc/passwd", "passwd"), ("C:\\docs\\a.txt", "a.txt"), ("a\n\0b\u202e.txt", "ab.txt"), ("\n", "text.txt")],
)
def test_a_file_s_name_is_a_name_and_no_path(service: Jobs, sent: str, kept: str) -> None:
    with service.intake() as intake:
        assert intake.open_file(sent).filename == kept


def test_a_workspace_is_found_by_id_and_made_by_name(service: Jobs, library: Library) -> None:
    first = submit(service, workspace="mill")
    again = submit(service, workspace=str(first.workspace_id))

    assert again.workspace_id == first.workspace_id
    assert library.get_workspace(LOCAL_USER, "mill").document_count == 2


@pytest.mark.parametrize("name", ["nul \0", "half a pair \ud83d", "x" * 256])
def test_a_collection_that_cannot_be_named_so_is_refused(service: Jobs, name: str) -> None:
    with pytest.raises(InvalidField):
        submit(service, workspace=name)


def test_a_pending_job_says_how_many_are_ahead(service: Jobs) -> None:
    sent = [submit(service) for _ in range(3)]

    waiting = [service.get(LOCAL_USER, one.job_id).waiting_for for one in sent]

    assert waiting == ["1 job is ahead in line", "2 jobs are ahead in line", "3 jobs are ahead in line"]


def test_a_deleted_workspace_takes_its_running_jobs_with_it(service: Jobs, library: Library) -> None:
    sent = submit(service, workspace="mill")

    cleared = library.delete_workspace(LOCAL_USER, "mill")

    assert service.get(LOCAL_USER, sent.job_id).status == "cancelled"
    assert (cleared.job_type, cleared.status) == (JobType.DELETION, "pending")
    assert library.list_documents(LOCAL_USER, limit=9, before=None) == []


def told_of_workspaces(service: Jobs) -> list[str]:
    """The status in each event of a workspace."""
    told = service.list_events(LOCAL_USER, None, Cursor(service.database.epoch, 0), limit=99)
    return [json.loads(one.body)["workspace_status"] for one in told if one.type is EventType.WORKSPACE_STATUS]


def test_a_workspace_whose_provisioning_is_cancelled_says_so(service: Jobs, library: Library) -> None:
    made, job = library.create_workspace(LOCAL_USER, "mill", {})

    service.cancel(LOCAL_USER, job.job_id)

    found = library.get_workspace(LOCAL_USER, made.workspace_id)
    assert (found.status, found.status_message) == ("error", workspaces.PROVISIONING_CANCELLED)
    assert told_of_workspaces(service) == ["provisioning", "error"]


def test_a_deletion_is_not_cancelled_for_what_it_removes_is_gone(service: Jobs, library: Library) -> None:
    made, _ = library.create_workspace(LOCAL_USER, "mill", {})
    deletion = library.delete_workspace(LOCAL_USER, made.workspace_id)

    with pytest.raises(WrongState, match="cannot be brought back"):
        service.cancel(LOCAL_USER, deletion.job_id)

    assert service.get(LOCAL_USER, deletion.job_id).status == "pending"
    assert told_of_workspaces(service) == ["provisioning"]


def test_a_workspace_can_be_deleted_while_workers_write(service: Jobs, library: Library, database: Database) -> None:
    """Jobs are locked before their user is, by everybody: else both would wait for each other."""
    first, second = (submit(service, workspace="mill") for _ in range(2))
    held, deleting = threading.Event(), threading.Event()
    with database.write() as transaction:
        work.start(transaction, first.job_id, 1)

    def write() -> None:
        with database.write() as transaction, record.changing(transaction, first.job_id, run=1) as draft:
            held.set()
            assert deleting.wait(30)
            draft.report(EventType.JOB_PROGRESS)

    with ThreadPoolExecutor() as pool:
        writer = pool.submit(write)
        assert held.wait(30)
        deleter = pool.submit(library.delete_workspace, LOCAL_USER, "mill")
        if not database.is_sqlite:
            until(lambda: waits(database), 30, "the deletion waits for the job")
        deleting.set()
        writer.result()
        deleter.result()

    assert {service.get(LOCAL_USER, one.job_id).status for one in (first, second)} == {"cancelled"}


def waits(database: Database) -> bool:
    """Whether somebody waits for a lock."""
    with database.read() as connection:
        return bool(connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar_one())


def test_a_list_of_events_is_paged_from_a_position(service: Jobs) -> None:
    job = submit(service)
    service.pause(LOCAL_USER, job.job_id)
    service.resume(LOCAL_USER, job.job_id)

    events = service.list_events(LOCAL_USER, job.job_id, None, limit=2)

    assert [json.loads(one.body)["type"] for one in events] == ["job.received", "job.paused"]
