"""A server and a worker that share a database and an S3 store, and no folder: all the way of a document."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import httpx
import pytest

from tests import services
from tests.cluster import Worker
from tests.contracts.test_log import new_postgres
from tests.faults import chaos
from tests.running import RunningServer
from tests.unit.pipeline.documents import pdf

BOOK = pdf([f"page {page} of the book of weirs" for page in range(40)])


@pytest.fixture(scope="module")
def apart(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> Iterator[tuple[RunningServer, Worker, str, Path]]:
    """The server, its only worker, the store's URL, and the folder that is the worker's alone."""
    folder = tmp_path_factory.mktemp("apart")
    with ExitStack() as stack:
        store = stack.enter_context(services.s3())
        database = stack.enter_context(new_postgres(postgres_url)).replace("+psycopg", "")
        settings = {
            "database_url": database,
            "blobs_url": f"s3://{services.S3_BUCKET}/apart",
            "blobs_endpoint": store,
            "embedder": "none",
            "min_free_disk_bytes": 0,
            "cleanup_interval_seconds": 1,
        }
        server = RunningServer(folder, settings, ["--no-worker"])
        server.environment |= services.S3_KEYS
        stack.callback(server.close)
        server.start()
        own = folder / "worker"
        worker = Worker("worker", folder, server.environment | {"HEADRACE_DATA_DIR": str(own)})
        stack.callback(worker.kill)
        worker.start().wait_until_ready()
        yield server, worker, store, own


def stored(store: str) -> int:
    """How many objects the store has."""
    with urlopen(f"{store}/{services.S3_BUCKET}?list-type=2&prefix=apart") as answer:
        return int(answer.read().count(b"<Key>"))


def kept_files(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and path.parent.name != "logs"]


def test_a_document_is_uploaded_ingested_searched_downloaded_and_deleted_without_a_shared_folder(
    apart: tuple[RunningServer, Worker, str, Path],
) -> None:
    server, _, store, own = apart
    with server.client() as client:
        before = stored(store)
        answer = client.post("/ingest", files={"file": ("weirs, über.pdf", BOOK)}, data={"collection_name": "s3"})
        assert answer.status_code == 202, answer.text
        assert stored(store) == before + 1  # all of it is there before the answer
        job = chaos.wait_for_end(client, answer.json()["job_id"])
        assert (job["status"], job["failed_items"]) == ("completed", 0)

        asked = {"query": "page 39", "mode": "keyword", "workspace": "s3", "top_k": 50}
        hits = client.post("/query", json=asked).json()["results"]
        assert any("page 39" in hit["text"] for hit in hits)

        document = hits[0]["document_id"]
        original = client.get(f"/documents/{document}/original")
        assert original.status_code == 200
        assert hashlib.sha256(original.content).digest() == hashlib.sha256(BOOK).digest()
        assert original.headers["content-disposition"] == "attachment; filename*=UTF-8''weirs%2C%20%C3%BCber.pdf"
        assert original.headers["content-type"] == "application/octet-stream"

        assert kept_files(own) == []  # what it read was gone with the reading
        assert client.delete(f"/documents/{document}").status_code == 204
        assert client.post("/query", json=asked).json()["results"] == []
        assert client.get(f"/documents/{document}/original").status_code == 404


def test_a_download_is_made_of_pieces(apart: tuple[RunningServer, Worker, str, Path]) -> None:
    server, _, _, _ = apart
    text = "".join(f"line {number} of a long letter\n" for number in range(100_000)).encode()  # three pieces
    with server.client() as client:
        made = client.post("/resources/upload?ingest=false", files={"file": ("long.txt", text)}).json()
        with client.stream("GET", f"/documents/{made['documentId']}/original") as answer:
            assert int(answer.headers["content-length"]) == len(text)
            assert b"".join(answer.iter_raw()) == text


def test_without_a_store_nothing_is_accepted_and_nothing_is_left(
    apart: tuple[RunningServer, Worker, str, Path],
) -> None:
    server, _, _, _ = apart
    lost = RunningServer(server.folder / "lost", {"embedder": "none"}, ["--no-worker"])
    lost.folder.mkdir()
    nowhere = f"http://127.0.0.1:{services.free_port()}"
    lost.environment = server.environment | {"HEADRACE_BLOBS_ENDPOINT": nowhere, "HEADRACE_URL": lost.url}
    try:
        lost.start()
        with lost.client(timeout=120.0) as client:
            before = client.get("/jobs/stats").json()["total_jobs"]
            answer = client.post("/ingest", files={"file": ("a.txt", b"a weir")})
            assert (answer.status_code, answer.json()["code"]) == (503, "busy")
            assert client.get("/jobs/stats").json()["total_jobs"] == before
    except httpx.ReadTimeout:
        pytest.fail("it waits for a store that is not there")
    finally:
        lost.close()
