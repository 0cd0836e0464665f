"""Spans of OpenTelemetry: one trace from the request that brings a document to its being searchable.

Without an SDK, which is an extra, all of this does nothing. The context travels as a `traceparent`
(https://www.w3.org/TR/trace-context/), in the request's header and with the job in the database.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from opentelemetry import trace
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

Attributes = Mapping[str, str | int | float]

_tracer = trace.get_tracer("headrace")
_propagator = TraceContextTextMapPropagator()
_HEADER = "traceparent"


class NotInstalled(Exception):
    """Traces are asked for, and what sends them is not there."""


def start(endpoint: str, service: str) -> None:
    """Send this process's spans to an OTLP endpoint over HTTP, such as `http://127.0.0.1:4318/v1/traces`.

    Raises:
        NotInstalled: the extra is missing.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise NotInstalled("HEADRACE_OTLP_ENDPOINT needs an extra: pip install 'headrace[otel]'") from error
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint), schedule_delay_millis=1000))
    trace.set_tracer_provider(provider)


def is_on() -> bool:
    """Whether anybody records spans here."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def current() -> str | None:
    """The `traceparent` of what is being done; None outside of any span."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get(_HEADER)


@contextmanager
def request(name: str, traceparent: str) -> Iterator[None]:
    """A server's span around a request, as part of the client's trace if it has sent one."""
    parent = _propagator.extract({_HEADER: traceparent}) if traceparent else None
    with _tracer.start_as_current_span(name, context=parent, kind=SpanKind.SERVER):
        yield


@contextmanager
def span(name: str, *, parent: str | None = None, attributes: Attributes | None = None) -> Iterator[None]:
    """A span around a piece of work: below the one that is open, else below `parent`, which came from elsewhere."""
    is_inside = trace.get_current_span().get_span_context().is_valid
    above = _propagator.extract({_HEADER: parent}) if parent and not is_inside else None
    with _tracer.start_as_current_span(name, context=above, attributes=attributes):
        yield


def past(name: str, seconds: float, attributes: Attributes | None = None) -> None:
    """A span for what has just ended, and took so long."""
    if not is_on():
        return
    now = time.time_ns()
    begun = _tracer.start_span(name, start_time=now - int(seconds * 1e9), attributes=attributes)
    begun.end(now)


def waited(name: str, since: datetime) -> None:
    """A span for a wait that is over."""
    past(name, max(0.0, time.time() - since.timestamp()))
