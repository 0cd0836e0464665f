"""What is in an archive becomes documents of the same job; what cannot be read fails with the reason, alone."""

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.running import RunningServer, running_server
from tests.unit.pipeline.documents import mail, pdf, slides, zipped

PROGRAM = b"\x7fELF\x02\x01\x01" + bytes(100)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server"), embedder="none", max_archive_depth=2) as started:
        yield started


def ingest(server: RunningServer, **files: bytes) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The job when it has ended, and its documents by their names."""
    with server.client(timeout=120) as client:
        sent = [("file", (name.replace("_", "."), content)) for name, content in files.items()]
        reply = client.post("/ingest", files=sent, data={"sync": "true"})
        assert reply.status_code == 200, reply.text
        job = client.get(f"/jobs/{reply.json()['job_id']}").json()
        items = client.get(f"/jobs/{job['job_id']}/documents?limit=1000").json()["documents"]
    return job, {item["filename"]: item for item in items}


def test_each_member_is_a_document_of_the_same_job(server: RunningServer) -> None:
    content = zipped({"docs/one.txt": "a sluice", "docs/two.md": "# a weir", "../../etc/three.csv": "a,b\n1,penstock"})

    job, items = ingest(server, all_zip=content)

    assert set(items) == {"all.zip", "one.txt", "two.md", "three.csv"}
    assert {item["status"] for item in items.values()} == {"ready"}
    assert (job["status"], job["total_items"], job["processed_items"], job["failed_items"]) == ("completed", 4, 4, 0)
    with server.client() as client:
        hit = client.post("/query", json={"query": "penstock", "mode": "keyword"}).json()["results"][0]
    assert (hit["filename"], hit["metadata"]["archive"]) == ("three.csv", "all.zip")
    assert hit["metadata"]["path"] == "../../etc/three.csv"


def test_progress_counts_the_members_and_never_falls(server: RunningServer) -> None:
    job, _ = ingest(
        server, many_zip=zipped({f"{number}.txt": f"text number {number} of many" for number in range(300)})
    )

    with server.client() as client:
        events = client.get(f"/jobs/{job['job_id']}/events?limit=1000", headers={"Accept": "application/json"}).json()
    frames = [frame for frame in events["events"] if frame["progress"] is not None]
    assert [frame["progress"] for frame in frames] == sorted(frame["progress"] for frame in frames)
    assert [frame["total_items"] for frame in frames] == sorted(frame["total_items"] for frame in frames)
    assert (job["total_items"], job["processed_items"], job["progress"]) == (301, 301, 1.0)
    assert any(frame["message"] == "Unpacked 300 documents from many.zip" for frame in frames)


def test_what_cannot_be_read_fails_with_its_reason_and_the_rest_goes_on(server: RunningServer) -> None:
    members = {"run": PROGRAM.decode("latin-1"), "good.txt": "good", "cut.pdf": pdf(["x"])[:300].decode()}

    _, items = ingest(server, mixed_zip=zipped(members))

    assert {name: item["error_code"] for name, item in items.items()} == {
        "mixed.zip": None, "run": "unsupported_type", "good.txt": None, "cut.pdf": "corrupt",
    }  # fmt: skip


def test_archives_within_archives_are_opened_to_the_limit(server: RunningServer) -> None:
    def around(name: str, content: bytes) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(name, content)
        return buffer.getvalue()

    innermost = around("third.zip", zipped({"far.txt": "too far down"}))

    _, items = ingest(server, first_zip=around("second.zip", innermost))

    assert {name: item["status"] for name, item in items.items()} == {
        "first.zip": "ready", "second.zip": "ready", "third.zip": "failed",
    }  # fmt: skip
    assert items["third.zip"]["error_message"] == "archives are nested deeper than 2; send the inner one by itself"


def test_an_archive_that_is_damaged_or_a_bomb_fails_alone(server: RunningServer) -> None:
    bomb = zipped({"zeros.txt": "\0" * 30_000_000})

    job, items = ingest(server, cut_zip=zipped({"a.txt": "x"})[:40], bomb_zip=bomb, good_txt=b"still here")

    assert {name: item["error_code"] for name, item in items.items()} == {
        "cut.zip": "corrupt", "bomb.zip": "too_large", "good.txt": None,
    }  # fmt: skip
    assert (job["status"], job["failed_items"]) == ("completed", 2)


def test_an_archive_sent_again_costs_nothing_for_what_is_there(server: RunningServer) -> None:
    first = zipped({"stay.txt": "this stays as it is"})
    second = zipped({"stay.txt": "this stays as it is", "new.txt": "and this is new"})

    _, before = ingest(server, first_zip=first)
    _, after = ingest(server, second_zip=second)

    assert after["stay.txt"]["document_id"] == before["stay.txt"]["document_id"]
    assert after["new.txt"]["status"] == "ready"


def test_a_file_that_cannot_be_read_comes_beside_others_and_is_refused_alone(server: RunningServer) -> None:
    job, items = ingest(server, run_bin=PROGRAM, slides_pptx=slides(("Turbines", "spin")), mail_eml=mail("Hello"))

    assert {name: item["status"] for name, item in items.items()} == {
        "run.bin": "failed", "slides.pptx": "ready", "mail.eml": "ready",
    }  # fmt: skip
    assert items["run.bin"]["error_code"] == "unsupported_type"
    assert job["failed_items"] == 1
    with server.client() as client:
        alone = client.post("/ingest", files={"file": ("run.bin", PROGRAM)})
    assert (alone.status_code, alone.json()["code"]) == (415, "unsupported_type")
