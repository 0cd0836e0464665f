"""What is sent again is known again: nothing is parsed, embedded or kept twice, over a real server and worker."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.running import RunningServer, running_server

Json = dict[str, Any]
PARTS = [f"Chapter {number}. The weir at mile {number} holds back the river in winter. " * 16 for number in range(6)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("sameness")) as started:
        yield started


@pytest.fixture
def http(server: RunningServer) -> Iterator[httpx.Client]:
    with server.client(timeout=60.0) as client:
        yield client


def send(http: httpx.Client, collection: str, *files: tuple[str, str], **form: str) -> Json:
    """The job at its end."""
    parts = [("file", (name, text.encode())) for name, text in files]
    sent = http.post("/ingest", files=parts, data={"collection_name": collection, **form})
    return ended(http, sent.raise_for_status().json()["job_id"])


def ended(http: httpx.Client, job_id: str) -> Json:
    view: Json = http.get(f"/jobs/{job_id}").raise_for_status().json()
    while view["status"] not in {"completed", "failed", "cancelled"}:
        view = http.get(f"/jobs/{job_id}", params={"after": view["last_event_id"], "wait": 20}).json()
    return view


def items(http: httpx.Client, job: Json) -> list[Json]:
    found: list[Json] = http.get(f"/jobs/{job['job_id']}/documents").raise_for_status().json()["documents"]
    return found


def verdicts(http: httpx.Client, job: Json) -> list[str]:
    return [item["verdict"] for item in items(http, job)]


def texts(http: httpx.Client, collection: str, words: str) -> list[str]:
    asked = {"query": words, "workspace": collection, "mode": "keyword", "top_k": 100}
    return [hit["text"] for hit in http.post("/query", json=asked).raise_for_status().json()["results"]]


def test_the_same_file_again_has_ended_when_it_is_answered_and_costs_nothing(http: httpx.Client) -> None:
    first = send(http, "again", ("weir.md", PARTS[0]))

    answer = http.post(
        "/ingest", files={"file": ("weir.md", PARTS[0].encode())}, data={"collection_name": "again"}
    ).json()
    second = http.get(f"/jobs/{answer['job_id']}").json()

    assert second["status"] == "completed"
    assert second["stats"]["documents_unchanged"] == 1
    assert second["stats"]["embeddings_computed"] == 0
    assert second["stats"]["embeddings_reused"] == first["chunks_created"]
    assert second["chunks_created"] == second["total_chunks"] == second["current_chunk"] == first["chunks_created"] > 0
    assert (verdicts(http, first), verdicts(http, second)) == (["new"], ["unchanged"])
    assert items(http, first)[0]["document_id"] == items(http, second)[0]["document_id"]
    log = http.get(f"/jobs/{second['job_id']}/events", headers={"Accept": "application/json"}).json()["events"]
    assert [(one["seq"], one["type"]) for one in log] == [(1, "job.received"), (2, "job.completed")]


def test_forced_it_is_done_anew_and_nothing_is_paid_for_again(http: httpx.Client) -> None:
    first = send(http, "forced", ("weir.md", PARTS[0]))

    again = send(http, "forced", ("weir.md", PARTS[0]), force="true")

    assert verdicts(http, again) == ["changed"]
    assert again["stats"]["embeddings_computed"] == 0
    assert again["stats"]["embeddings_reused"] == first["chunks_created"]
    assert len(texts(http, "forced", "weir")) == first["chunks_created"]


def test_other_metadata_make_a_change_and_known_ones_do_not(http: httpx.Client) -> None:
    send(http, "about", ("weir.md", PARTS[0]), metadata='{"river": "Elbe", "year": 1911}')

    same = send(http, "about", ("weir.md", PARTS[0]), metadata='{"river": "Elbe"}')
    other = send(http, "about", ("weir.md", PARTS[0]), metadata='{"river": "Oder"}')

    assert (verdicts(http, same), verdicts(http, other)) == (["unchanged"], ["changed"])
    document = http.get(f"/documents/{items(http, other)[0]['document_id']}").json()
    assert document["metadata"]["river"] == "Oder"


def test_other_bytes_under_a_name_are_another_document_unless_they_are_to_replace_it(http: httpx.Client) -> None:
    first = send(http, "names", ("weir.md", "\n\n".join(PARTS[:3])))

    beside = send(http, "names", ("weir.md", "A second file that happens to be called the same."))
    assert verdicts(http, beside) == ["new"]
    assert items(http, beside)[0]["document_id"] != items(http, first)[0]["document_id"]


def test_a_replaced_document_embeds_only_what_has_changed(http: httpx.Client) -> None:
    whole = [f"# Part {number}\n\n{text}" for number, text in enumerate(PARTS)]
    first = send(http, "edited", ("book.md", "\n\n".join(whole)))

    edited = [*whole[:5], "# Part 5\n\nOnly this part was written anew, about a lock and its keeper."]
    second = send(http, "edited", ("book.md", "\n\n".join(edited)), replace="true")

    assert verdicts(http, second) == ["changed"]
    assert items(http, second)[0]["document_id"] == items(http, first)[0]["document_id"]
    assert 0 < second["stats"]["embeddings_computed"] < second["stats"]["embeddings_reused"]
    assert texts(http, "edited", "keeper")
    assert not [text for text in texts(http, "edited", "mile") if "mile 5" in text]
    assert verdicts(http, send(http, "edited", ("book.md", "\n\n".join(edited)))) == ["unchanged"]


def test_a_cancelled_replacement_leaves_the_document_as_it_was(http: httpx.Client) -> None:
    first = send(http, "cancelled", ("book.md", PARTS[0]))
    document_id = items(http, first)[0]["document_id"]
    before = http.get(f"/documents/{document_id}").json()

    long = "\n\n".join(f"{number}: {text}" for number in range(60) for text in PARTS)
    sent = http.post(
        "/ingest",
        files={"file": ("book.md", long.encode())},
        data={"collection_name": "cancelled", "replace": "true"},
    ).json()
    cancelled = http.post(f"/jobs/{sent['job_id']}/cancel").raise_for_status().json()

    assert cancelled["status"] == "cancelled"
    after = http.get(f"/documents/{document_id}").json()
    told = ("size", "chunk_count", "metadata", "processing_status", "content_type")
    assert {name: after[name] for name in told} == {name: before[name] for name in told}
    assert len(texts(http, "cancelled", "weir")) == first["chunks_created"]
    assert verdicts(http, send(http, "cancelled", ("book.md", PARTS[0]))) == ["unchanged"]


def test_a_failed_replacement_leaves_the_old_version_searchable(http: httpx.Client) -> None:
    first = send(http, "broken", ("report.pdf", PARTS[1]))
    sent = http.post(
        "/ingest",
        files={"file": ("report.pdf", b"%PDF-1.4\nnothing but a beginning")},
        data={"collection_name": "broken", "replace": "true"},
    ).json()

    assert ended(http, sent["job_id"])["status"] == "failed"
    assert len(texts(http, "broken", "weir")) == first["chunks_created"]


def test_many_who_send_the_same_file_at_once_make_one_document(http: httpx.Client) -> None:
    http.post("/workspaces", json={"name": "crowd"}).raise_for_status()

    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda _: send(http, "crowd", ("crowd.md", "\n\n".join(PARTS) + " A crowd.")), range(8)))

    assert [job["status"] for job in jobs] == ["completed"] * 8
    assert len({item["document_id"] for job in jobs for item in items(http, job)}) == 1
    chunks = {job["chunks_created"] for job in jobs}
    assert len(chunks) == 1
    assert sum(job["stats"]["embeddings_computed"] for job in jobs) <= max(chunks)
    assert sorted(verdicts(http, job)[0] for job in jobs) == ["new"] + ["unchanged"] * 7
    assert len(http.get("/documents", params={"workspace": "crowd"}).json()["documents"]) == 1


def test_many_who_send_the_same_passages_under_other_names_pay_for_them_once(http: httpx.Client) -> None:
    http.post("/workspaces", json={"name": "copies"}).raise_for_status()
    text = "\n\n".join(PARTS) + " In many copies."

    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda number: send(http, "copies", (f"copy-{number}.md", text)), range(8)))

    (chunks,) = {job["chunks_created"] for job in jobs}
    assert sum(job["stats"]["embeddings_computed"] for job in jobs) <= chunks
    assert all(
        job["stats"]["embeddings_computed"] + job["stats"]["embeddings_reused"] == job["chunks_created"] for job in jobs
    )


def test_texts_without_a_name_are_documents_of_their_own(http: httpx.Client) -> None:
    body = {"text_content": "Ok, see you at the lock.", "collection_name": "chat"}
    answers = [http.post("/ingest/text", json=body).raise_for_status().json() for _ in range(2)]

    assert len({one["document_ids"][0] for one in answers}) == 2
    second = http.get(f"/jobs/{answers[1]['job_id']}").json()
    assert (second["stats"]["embeddings_computed"], second["stats"]["embeddings_reused"]) == (0, 1)


def test_two_files_of_one_name_in_one_request_are_two_documents(http: httpx.Client) -> None:
    job = send(http, "folders", ("README.md", "The first."), ("README.md", "The second."), replace="true")

    assert verdicts(http, job) == ["new", "new"]
    assert len({item["document_id"] for item in items(http, job)}) == 2


def test_a_resource_is_ingested_again_only_where_something_would_be_different(http: httpx.Client) -> None:
    first = send(http, "settings", ("weir.md", PARTS[2]))
    document_id = items(http, first)[0]["document_id"]

    same = ended(http, http.post(f"/resource/ingest/{document_id}").json()["job_id"])
    workspace = http.get(f"/documents/{document_id}").json()["workspace_id"]
    http.patch(f"/workspaces/{workspace}", json={"rag_config": {"chunk_size": 64}}).raise_for_status()
    other = ended(http, http.post(f"/resource/ingest/{document_id}").json()["job_id"])

    assert (verdicts(http, same), verdicts(http, other)) == (["unchanged"], ["changed"])
    assert other["chunks_created"] > first["chunks_created"]


def test_a_retry_works_on_what_failed_alone_and_pays_for_that_alone(http: httpx.Client) -> None:
    good = [(f"good-{number}.md", f"{PARTS[number]} A retry.") for number in range(3)]
    bad = [(f"bad-{number}.pdf", "%PDF-1.4\nnothing but a beginning") for number in range(2)]
    job = send(http, "retry", good[0], bad[0], good[1], bad[1], good[2])
    assert (job["status"], job["failed_items"], job["processed_items"]) == ("completed", 2, 5)
    reasons = {item["filename"]: item["error_message"] for item in items(http, job)}
    assert all(reasons[name] for name, _ in bad)
    assert not any(reasons[name] for name, _ in good)

    http.post(f"/jobs/{job['job_id']}/retry").raise_for_status()
    again = ended(http, job["job_id"])

    assert (again["attempt"], again["failed_items"], again["processed_items"]) == (2, 2, 5)
    assert again["stats"]["documents_processed"] == job["stats"]["documents_processed"] == 3
    assert again["stats"]["embeddings_computed"] == job["stats"]["embeddings_computed"]
    assert again["stats"]["embeddings_reused"] == job["stats"]["embeddings_reused"]
