"""What those who run a server see of it: numbers, traces, lines of log."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families
from websockets.sync.client import connect

from tests.faults.chaos import until
from tests.flows.inhabited import Town, town

PROJECT = Path(__file__).parents[2]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TELLING_SECONDS = 60.0


class Collector(ThreadingHTTPServer):
    """Takes spans in by OTLP over HTTP, as a real collector does."""

    def __init__(self) -> None:
        self.spans: defaultdict[str, list[Any]] = defaultdict(list)
        super().__init__(("127.0.0.1", 0), Handler)

    def names(self, trace: str) -> set[str]:
        return {span.name for span in self.spans[trace]}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.server.spans[span.trace_id.hex()].append(span)  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as made:
        Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Town]:
    endpoint = f"http://127.0.0.1:{collector.server_port}/v1/traces"
    with town(tmp_path_factory.mktemp("town"), otlp_endpoint=endpoint, access_log=True) as made:
        yield made


def numbers(observed: Town) -> dict[str, Any]:
    """Each sample's value by its name and labels."""
    with observed.client(observed.operator) as operator:
        answer = operator.get("/metrics")
    assert answer.status_code == 200, answer.text
    families = text_string_to_metric_families(answer.text)
    return {
        one.name + json.dumps(one.labels, sort_keys=True): one.value for family in families for one in family.samples
    }


def test_the_numbers_are_those_of_all_users_and_of_the_worker_too(observed: Town) -> None:
    until(lambda: any("headrace_chunks_indexed_total" in name for name in numbers(observed)), 60, "the worker tells")
    until(lambda: numbers(observed).get('headrace_chunks_indexed_total{"worker": "local"}'), 60, "of its work")
    found = numbers(observed)

    assert found['headrace_worker_up{"worker": "local"}'] == 1
    assert found['headrace_jobs{"status": "completed"}'] >= 2
    assert found['headrace_documents{"status": "ready"}'] >= 1
    assert found["headrace_chunks{}"] >= 1
    assert found["headrace_events_total{}"] >= 5
    assert found["headrace_disk_free_bytes{}"] > 0
    assert found["headrace_queue_depth{}"] == 0
    assert found['headrace_stage_units_total{"stage": "extracting", "unit": "bytes", "worker": "local"}'] >= 11
    assert found['headrace_http_requests_total{"method": "POST", "route": "/ingest/text", "status": "200"}'] >= 1


def test_only_an_operator_sees_them(observed: Town) -> None:
    """They tell of everybody, so that no user's own token is enough."""
    assert observed.ask("/metrics", observed.anna) == 403
    assert observed.ask("/metrics") == 401
    assert observed.ask("/jobs", observed.operator) == 403


def test_made_up_paths_make_no_new_numbers(observed: Town) -> None:
    for number in range(5):
        assert observed.ask(f"/nothing/{number}", observed.anna) == 404
    routes = {name for name in numbers(observed) if "/nothing" in name}

    assert routes == set()


def test_every_query_of_the_dashboard_names_a_number_that_there_is(observed: Town) -> None:
    dashboard = json.loads((PROJECT / "deploy/grafana/headrace.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = {name for query in queries for name in re.findall(r"headrace_\w+", query)}
    until(lambda: any("worker" in name for name in numbers(observed)), 60, "the worker tells")
    with observed.client(observed.operator) as operator:
        text = operator.get("/metrics").text
    told = set(re.findall(r"^# TYPE (headrace_\w+)", text, re.MULTILINE))

    assert {re.sub(r"_bucket$", "", name) for name in asked} - told == set()
    assert len(queries) >= 20


def test_the_operations_page_explains_every_number(observed: Town) -> None:
    with observed.client(observed.operator) as operator:
        text = operator.get("/metrics").text
    told = set(re.findall(r"^# TYPE (headrace_\w+)", text, re.MULTILINE))
    page = (PROJECT / "docs/operations.md").read_text()

    assert {name for name in told if f"`{name}`" not in page and not name.endswith("_created")} == set()


def test_one_trace_leads_from_the_request_to_the_searchable_document(observed: Town, collector: Collector) -> None:
    with observed.client(observed.anna) as anna:
        headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        answer = anna.post("/ingest/text", json={"text_content": "Water falls."}, headers=headers)
    assert answer.status_code == 200
    wanted = {
        "POST /ingest/text", "headrace.submit", "headrace.queue", "headrace.job", "headrace.slice", "headrace.extract",
        "headrace.chunk", "headrace.enrich", "headrace.index", "headrace.go_live",
    }  # fmt: skip
    until(lambda: wanted <= collector.names(TRACE), TELLING_SECONDS, f"all spans, not {collector.names(TRACE)}")
    spans = {span.name: span for span in collector.spans[TRACE]}

    assert spans["POST /ingest/text"].parent_span_id.hex() == "00f067aa0ba902b7"
    way = ["headrace.index", "headrace.slice", "headrace.job", "headrace.submit", "POST /ingest/text"]
    assert [name for name in line_of(spans["headrace.index"], collector.spans[TRACE]) if name in way] == way
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in collector.spans[TRACE])


def line_of(span: Any, spans: list[Any]) -> Iterator[str]:
    """The names from a span up to where the trace came in."""
    by_id = {one.span_id: one for one in spans}
    while span is not None:
        yield span.name
        span = by_id.get(span.parent_span_id)


def test_an_answer_and_its_problem_carry_the_id_of_the_request_and_so_does_the_log(observed: Town) -> None:
    with observed.client(observed.anna) as anna:
        given = anna.get("/jobs/unknown", headers={"X-Request-ID": "look-me-up"})
        forged = anna.get("/jobs/unknown", headers={"X-Request-ID": 'x"} {"level": "'})

    assert given.headers["x-request-id"] == given.json()["request_id"] == "look-me-up"
    assert re.fullmatch(r"[0-9a-f]{16}", forged.headers["x-request-id"])
    lines = [json.loads(line) for line in observed.server.log.read_text().splitlines() if line.startswith("{")]
    mine = [line for line in lines if line.get("request_id") == "look-me-up"]
    assert [line["logger"] for line in mine] == ["headrace.access"]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    assert observed.anna not in observed.server.log.read_text()


def test_a_stream_carries_the_id_of_its_request_and_so_does_the_log(observed: Town) -> None:
    where = observed.server.url
    with observed.client(observed.anna) as anna:
        job = anna.post("/ingest", data={"text_content": "who asks for this stream?"}).json()["job_id"]
        with anna.stream("GET", f"/jobs/{job}/events", headers={"X-Request-ID": "stream-sse"}) as stream:
            sse = stream.headers["x-request-id"]
        lost = anna.get("/jobs/unknown/events", headers={"X-Request-ID": "stream-lost"})
        polling = anna.get("/socket.io/?EIO=4&transport=polling", headers={"X-Request-ID": "stream-poll"})
    named = {"Authorization": f"Bearer {observed.anna}", "X-Request-ID": "stream-ws"}
    with connect(f"{where.replace('http', 'ws')}/ws", additional_headers=named, proxy=None) as socket:
        websocket = socket.response.headers["x-request-id"] if socket.response else None
    named["X-Request-ID"] = "stream-io"
    below = f"{where.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket"
    with connect(below, additional_headers=named, proxy=None) as socket:
        socketio = socket.response.headers["x-request-id"] if socket.response else None

    assert (sse, websocket, socketio) == ("stream-sse", "stream-ws", "stream-io")
    assert lost.headers["x-request-id"] == lost.json()["request_id"] == "stream-lost"
    assert polling.headers["x-request-id"] == "stream-poll"
    lines = [json.loads(line) for line in observed.server.log.read_text().splitlines() if line.startswith("{")]
    for name in ("sse", "lost", "poll", "ws", "io"):
        about = [line for line in lines if line.get("request_id") == f"stream-{name}"]
        assert [line["logger"] for line in about] == ["headrace.access"], name
    assert observed.anna not in observed.server.log.read_text()
