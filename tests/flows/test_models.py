"""Models elsewhere, that embed and describe: busy, slow and wrong ones; and a change from one to another."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from tests.faults.chaos import until
from tests.flows.test_sameness import ended, items, send
from tests.model_service import ModelService, Planned, model_service
from tests.running import RunningServer, running_server

Json = dict[str, Any]
KEY = "sk-never-to-be-seen"
BUSY = Planned(status=429, headers={"Retry-After": "2"})
TEXTS = [f"Passage {number}: the sluice keeper wrote {number * 7} lines about the river. " * 12 for number in range(12)]


def book(river: str) -> str:
    """Passages that no other test has had embedded."""
    return "\n\n".join(f"# {number}\n\n{text.replace('river', river)}" for number, text in enumerate(TEXTS))


@pytest.fixture(scope="module")
def service() -> Iterator[ModelService]:
    with model_service() as started:
        yield started


@pytest.fixture(scope="module")
def server(service: ModelService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("models"), **settings_of(service)) as started:
        yield started


def settings_of(service: ModelService) -> Json:
    return {
        "embedder": "none", "embedder_url": service.url, "embedder_model": "m-embed", "embedder_api_key": KEY,
        "embedder_batch_texts": 4, "embedder_patience_seconds": 20,
        "enricher_url": service.url, "enricher_model": "m-chat", "enricher_api_key": KEY, "enricher_seconds": 2,
    }  # fmt: skip


@pytest.fixture
def http(server: RunningServer, service: ModelService) -> Iterator[httpx.Client]:
    service.plan.clear()
    service.always = None
    with server.client(timeout=60.0) as client:
        yield client


def make(http: httpx.Client, name: str, **rag_config: object) -> str:
    made = http.post("/workspaces", json={"name": name, "rag_config": rag_config}).raise_for_status().json()
    ended(http, made["job_id"])
    return str(made["workspace_id"])


def change(http: httpx.Client, workspace_id: str, **rag_config: object) -> Json:
    answer: Json = http.patch(f"/workspaces/{workspace_id}", json={"rag_config": rag_config}).raise_for_status().json()
    return answer


def near(http: httpx.Client, workspace: str, text: str) -> list[Json]:
    asked = {"query": text, "workspace": workspace, "mode": "vector", "top_k": 3}
    found: list[Json] = http.post("/query", json=asked).raise_for_status().json()["results"]
    return found


def until_it_waits(http: httpx.Client, job_id: str, why: str = "asks to wait") -> None:
    view = http.get(f"/jobs/{job_id}").json()
    while why not in (view["waiting_for"] or ""):
        assert view["status"] in {"pending", "running"}, view
        view = http.get(f"/jobs/{job_id}", params={"after": view["last_event_id"], "wait": 20}).json()


def test_the_wait_that_a_service_asks_for_is_kept_and_shown(http: httpx.Client, service: ModelService) -> None:
    make(http, "busy", embedder="openai")
    service.plan += [BUSY]

    job = send(http, "busy", ("book.md", book("Elbe")))

    assert job["status"] == "completed"
    assert job["waiting_for"] is None
    log = http.get(f"/jobs/{job['job_id']}/events", headers={"Accept": "application/json"}).json()["events"]
    assert any("the embedding service asks to wait 3 s" in one["message"] for one in log)
    assert job["stats"]["embeddings_computed"] == job["chunks_created"]


def test_a_job_that_waits_can_be_cancelled(http: httpx.Client, service: ModelService) -> None:
    make(http, "waits", embedder="openai")
    service.always = Planned(status=429, headers={"Retry-After": "15"})
    sent = http.post(
        "/ingest", files={"file": ("a.md", book("Oder").encode())}, data={"collection_name": "waits"}
    ).json()
    until_it_waits(http, sent["job_id"])

    assert http.post(f"/jobs/{sent['job_id']}/cancel").json()["status"] == "cancelled"
    service.always = None
    assert send(http, "waits", ("b.md", book("Oder")))["status"] == "completed"


def begun(http: httpx.Client, collection: str, name: str, text: str) -> str:
    """A job that has been sent."""
    sent = http.post("/ingest", files={"file": (name, text.encode())}, data={"collection_name": collection})
    return str(sent.raise_for_status().json()["job_id"])


def two_at_the_same_passages(http: httpx.Client, service: ModelService, name: str, free: Event) -> tuple[str, str]:
    """Jobs of which the first pays, by a service that does not answer before `free`; the second says that it waits."""
    make(http, name, embedder="openai")
    service.plan.append(Planned(status=503, headers={"Retry-After": "0.01"}, until=free))
    first = begun(http, name, "a.md", book(name))
    until(lambda: not service.plan, 60, "the service is asked")
    second = begun(http, name, "b.md", book(name))
    until_it_waits(http, second, "the same passages")
    return first, second


def test_a_job_waits_for_the_passages_that_another_is_paying_for(http: httpx.Client, service: ModelService) -> None:
    free = Event()
    jobs = two_at_the_same_passages(http, service, "Isar", free)
    free.set()

    first, second = (ended(http, job_id) for job_id in jobs)

    assert (first["status"], second["status"], second["waiting_for"]) == ("completed", "completed", None)
    assert first["stats"]["embeddings_computed"] == first["chunks_created"] == second["chunks_created"]
    assert second["stats"]["embeddings_reused"] == second["chunks_created"]


def test_who_waits_for_a_payer_that_is_cancelled_pays_itself(http: httpx.Client, service: ModelService) -> None:
    free = Event()
    first, second = two_at_the_same_passages(http, service, "Inn", free)

    http.post(f"/jobs/{first}/cancel").raise_for_status()

    job = ended(http, second)
    assert not free.is_set()
    free.set()
    assert (job["status"], job["failed_items"]) == ("completed", 0)
    assert job["stats"]["embeddings_computed"] > 0


def test_a_budget_fails_the_rest_of_a_job_with_the_reason_and_a_retry_pays_for_the_rest(
    http: httpx.Client, service: ModelService
) -> None:
    workspace_id = make(http, "budget", embedder="openai", max_embeddings=3)
    already = len(service.texts)
    files = [(f"{number}.md", f"Budget {number}. {TEXTS[number]}") for number in range(8)]

    job = send(http, "budget", *files)

    assert len(service.texts) - already == job["stats"]["embeddings_computed"] == 3
    assert (job["status"], job["failed_items"]) == ("completed", 5)
    reasons = {item["error_code"] for item in items(http, job) if item["stage"] == "failed"}
    assert reasons == {"budget_spent"}
    assert "may have 3 texts embedded" in job["error_message"]

    change(http, workspace_id, max_embeddings=100)
    http.post(f"/jobs/{job['job_id']}/retry").raise_for_status()
    again = ended(http, job["job_id"])
    assert (again["failed_items"], len(service.texts) - already) == (0, 8)


def test_a_service_that_answers_nonsense_fails_the_document_in_a_sentence(
    http: httpx.Client, service: ModelService
) -> None:
    make(http, "nonsense", embedder="openai")
    service.plan += [Planned(body=b"<html>it works!</html>")]

    job = send(http, "nonsense", ("a.md", "A text of its own, for a service that answers nonsense."))

    assert job["status"] == "failed"
    assert "gave an answer that is none" in job["error_message"]


def test_a_change_of_model_is_a_job_and_the_old_vectors_serve_until_it_is_done(
    http: httpx.Client, service: ModelService
) -> None:
    workspace_id = make(http, "changing", embedder="minilm")
    first = send(http, "changing", ("book.md", book("Spree")))
    old = near(http, "changing", "sluice keeper")
    service.plan += [Planned(status=429, headers={"Retry-After": "3"})]

    answer = change(http, workspace_id, embedder="openai")
    until_it_waits(http, answer["job_id"])
    assert near(http, "changing", "sluice keeper") == old
    job = ended(http, answer["job_id"])

    assert (job["job_type"], job["status"]) == ("workspace_reembedding", "completed")
    assert job["total_chunks"] == job["current_chunk"] == first["chunks_created"]
    assert job["stats"]["embeddings_computed"] == first["chunks_created"]
    assert http.get(f"/workspaces/{workspace_id}").json()["rag_config"]["embedder"] == "openai"
    passage = old[0]["text"]
    assert near(http, "changing", passage)[0]["text"] == passage
    assert near(http, "changing", passage)[0]["score"] == pytest.approx(1.0, abs=0.01)
    log = http.get(f"/jobs/{job['job_id']}/events", headers={"Accept": "application/json"}).json()["events"]
    assert [one["seq"] for one in log] == list(range(1, len(log) + 1))
    shares = [one["progress"] for one in log]
    assert shares == sorted(shares)


def test_changing_back_pays_nothing_and_what_comes_later_is_of_the_new_model(
    http: httpx.Client, service: ModelService
) -> None:
    workspace_id = make(http, "back", embedder="minilm")
    first = send(http, "back", ("book.md", book("Rhein")[:3000]))
    ended(http, change(http, workspace_id, embedder="openai")["job_id"])
    later = send(http, "back", ("later.md", "This came later and is about a heron."))
    assert "This came later and is about a heron." in service.texts

    back = ended(http, change(http, workspace_id, embedder="minilm")["job_id"])

    assert back["stats"]["embeddings_computed"] == later["chunks_created"]
    assert back["stats"]["embeddings_reused"] == first["chunks_created"]
    assert "heron" in near(http, "back", "a wading bird that fishes")[0]["text"]
    assert change(http, workspace_id, embedder="minilm")["job_id"] is None


def test_a_cancelled_change_leaves_the_old_model_in_place(http: httpx.Client, service: ModelService) -> None:
    workspace_id = make(http, "kept", embedder="minilm")
    send(http, "kept", ("book.md", f"Kept. {book('Havel')}"))
    old = near(http, "kept", "sluice keeper")
    service.always = Planned(status=429, headers={"Retry-After": "15"})

    answer = change(http, workspace_id, embedder="openai")
    cancelled = http.post(f"/jobs/{answer['job_id']}/cancel").raise_for_status().json()

    assert cancelled["status"] == "cancelled"
    assert http.get(f"/workspaces/{workspace_id}").json()["rag_config"]["embedder"] == "minilm"
    assert near(http, "kept", "sluice keeper") == old


def test_a_change_that_fails_says_why_and_a_retry_goes_on(http: httpx.Client, service: ModelService) -> None:
    workspace_id = make(http, "refused", embedder="minilm")
    send(http, "refused", ("book.md", f"Refused. {book('Weser')}"))
    service.always = Planned(status=401)

    job = ended(http, change(http, workspace_id, embedder="openai")["job_id"])
    assert (job["status"], "refused our key" in job["error_message"]) == ("failed", True)

    service.always = None
    http.post(f"/jobs/{job['job_id']}/retry").raise_for_status()
    assert ended(http, job["job_id"])["status"] == "completed"


def test_an_embedder_that_is_not_there_is_refused_at_once(http: httpx.Client) -> None:
    refused = http.post("/workspaces", json={"name": "odd", "rag_config": {"embedder": "word2vec"}})

    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "rag_config.embedder")


def test_a_package_that_is_not_installed_fails_the_document_in_a_sentence(http: httpx.Client) -> None:
    make(http, "fast", embedder="fastembed")

    job = send(http, "fast", ("a.md", "A short text."))

    assert job["status"] == "failed"
    assert "fastembed" in job["error_message"]


def test_a_language_model_describes_and_its_failure_is_a_warning_only(
    http: httpx.Client, service: ModelService
) -> None:
    make(http, "described", enrichment={"llm": True})

    told = send(http, "described", ("a.md", TEXTS[0]))
    service.plan += [Planned(status=500)]
    silent = send(http, "described", ("b.md", TEXTS[1]))

    metadata = http.get(f"/documents/{items(http, told)[0]['document_id']}").json()["metadata"]
    assert (metadata["summary"], metadata["keywords"]) == ("A summary by the model.", ["by", "the model"])
    assert (silent["status"], silent["stats"]["warnings"]) == ("completed", 1)
    assert "language model answered 500" in items(http, silent)[0]["warnings"][0]


def test_what_is_switched_off_is_not_looked_for(http: httpx.Client) -> None:
    make(http, "bare", enrichment={"keywords": False, "summary": False, "dates": False, "title": False})
    make(http, "rich")
    text = "The weir was built on 3 March 1911 and renewed on 1950-10-02. The weir keeper lived beside the weir."

    bare, rich = (send(http, name, ("a.md", text)) for name in ("bare", "rich"))
    known = [http.get(f"/documents/{items(http, job)[0]['document_id']}").json()["metadata"] for job in (bare, rich)]

    assert known[0].keys() == {"language"}
    assert known[1].keys() >= {"language", "keywords", "summary", "dates", "title"}
    assert known[1]["dates"] == ["1911-03-03", "1950-10-02"]
    asked = {"query": "weir", "workspace": "rich", "dated": {"from": "1911-01-01", "to": "1911-12-31"}}
    assert len(http.post("/query", json=asked).json()["results"]) == 1
    asked["dated"] = {"from": "1951-01-01"}
    assert http.post("/query", json=asked).json()["results"] == []


def test_a_document_like_an_earlier_one_says_so_within_its_workspace(http: httpx.Client) -> None:
    make(http, "alike")
    whole = " ".join(f"Sentence {number} tells of mill {number * number} on the Spree." for number in range(120))
    first = items(http, send(http, "alike", ("one.md", whole)))[0]["document_id"]

    same = items(http, send(http, "alike", ("two.md", whole)))[0]["document_id"]
    near_same = items(http, send(http, "alike", ("three.md", whole.replace("mill 25 ", "mill 26 "))))[0]["document_id"]
    other = items(http, send(http, "alike", ("four.md", " ".join(TEXTS))))[0]["document_id"]
    elsewhere = items(http, send(http, "not-alike", ("one.md", whole)))[0]["document_id"]

    def known(document_id: str) -> Json:
        metadata: Json = http.get(f"/documents/{document_id}").json()["metadata"]
        return {name: metadata.get(name) for name in ("duplicate_of", "similar_to")}

    assert known(same) == {"duplicate_of": first, "similar_to": None}
    assert known(near_same) == {"duplicate_of": None, "similar_to": first}
    assert known(other) == known(elsewhere) == {"duplicate_of": None, "similar_to": None}


def test_no_key_is_ever_written_down(http: httpx.Client, server: RunningServer, service: ModelService) -> None:
    make(http, "keys", embedder="openai", enrichment={"llm": True})
    assert send(http, "keys", ("book.md", book("Ilm")))["status"] == "completed"

    assert service.keys == {f"Bearer {KEY}"}
    written = [server.log, *(path for path in Path(server.data_dir).rglob("*") if path.is_file())]
    assert [path for path in written if KEY.encode() in path.read_bytes()] == []


def test_a_change_of_model_goes_on_after_everything_was_killed(tmp_path: Path) -> None:
    with model_service() as service:
        settings = {"embedder": "none", "embedder_url": service.url, "embedder_model": "m", "embedder_batch_texts": 2}
        with running_server(tmp_path, **settings) as server:
            with server.client(timeout=60.0) as http:
                workspace_id = make(http, "killed")
                first = send(http, "killed", ("book.md", book("Main")))
                job_id = change(http, workspace_id, embedder="openai")["job_id"]
                assert service.seen.wait(30)
            server.kill()
            server.start()
            with server.client(timeout=60.0) as http:
                job = ended(http, job_id)
                assert job["status"] == "completed"
                found = near(http, "killed", "sluice")
        assert len(found) == 3
        # What was being embedded when it was killed may be asked for twice: the batch in hand and the one word.
        assert len(set(service.texts) - {"dimensions", "sluice"}) == first["chunks_created"]


def test_a_wait_until_a_date_is_kept(http: httpx.Client, service: ModelService) -> None:
    make(http, "dated", embedder="openai")
    until = datetime.now(UTC) + timedelta(seconds=3)
    service.plan += [Planned(status=503, headers={"Retry-After": format_datetime(until, usegmt=True)})]

    job = send(http, "dated", ("a.md", "A text for a service that says until when it is away."))

    assert job["status"] == "completed"
    assert datetime.now(UTC) >= until - timedelta(seconds=1)
