"""`GET /asyncapi.json`: every channel on which events go out, as an AsyncAPI 3.0 document.

https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from headrace.model.vocabulary import EventType
from headrace.server.context import Context, context
from headrace.server.frames import EVENT_ID, SCHEMAS, STRING, Schema, whole
from headrace.server.principal import COOKIE

router = APIRouter(tags=["operations"])

Node = dict[str, Any]

PAYLOADS = {
    EventType.DOCUMENT_STATUS: "DocumentFrame",
    EventType.WORKSPACE_STATUS: "WorkspaceFrame",
    EventType.SNAPSHOT: "Snapshot",
}
"""What a type's frame is; `Frame` for all others."""

MADE_FOR_A_WATCHER = {EventType.SNAPSHOT, EventType.RESET}
LOGGED = [kind for kind in EventType if kind not in MADE_FOR_A_WATCHER]
JOB_TYPES = [kind for kind in LOGGED if kind.value.startswith("job.")]

QUERY: Schema = {
    "type": "object",
    "properties": {
        "after": EVENT_ID,
        "ticket": STRING | {"description": "From POST /tickets, where no header can be sent."},
    },
}
SIGNATURE = whole({"webhook-id": EVENT_ID, "webhook-timestamp": STRING, "webhook-signature": STRING})
HEADERS: Schema = {"type": "object", "properties": {"event_id": EVENT_ID, "job_id": STRING, "user_id": STRING}}
AUTH: Schema = {
    "type": "object",
    "properties": {"token": STRING | {"description": "A token or a ticket."}, "after": EVENT_ID},
}

SSE_RULES = "Unnamed server-sent events, each under its event id; ends after a job's last event, then answers 204."
SOCKET_RULES = "A frame in each text message; closed with 1000 after a job's last event."
SOCKET_IO_RULES = "Socket.IO on the default namespace, over WebSocket and HTTP polling."
BROKER_RULES = "At least once, in order for each job; whoever has seen an event id may drop it."


def ref(*path: str) -> Node:
    """A pointer into the document."""
    return {"$ref": "/".join(["#", *(part.replace("~", "~0").replace("/", "~1") for part in path)])}


def message(name: str, payload: str, **more: Any) -> Node:
    """A JSON message."""
    schema = ref("components", "schemas", payload)
    return {"name": name, "contentType": "application/json", "payload": schema} | more


def frames() -> dict[str, Node]:
    """The message of each type, as the streams carry it."""
    return {kind.value: _of_type(kind, PAYLOADS.get(kind, "Frame")) for kind in EventType}


def _of_type(kind: EventType, payload: str, **more: Any) -> Node:
    only = {"type": "object", "properties": {"type": {"const": kind.value}}}
    schema = {"allOf": [ref("components", "schemas", payload), only]}
    return message(kind.value, payload) | {"payload": schema} | more


def other_messages() -> dict[str, Node]:
    """What Socket.IO, the brokers and the webhooks carry in a way of their own."""
    return {
        "connect": {"name": "connect", "contentType": "application/json", "payload": AUTH},
        "job_event": message("job_event", "Snapshot", description="Every `job.*` type, snapshots and resets."),
        "document_status": message("document_status", "DocumentStatus"),
        "workspace_status": message("workspace_status", "WorkspaceStatus"),
        "broker.job": message("job.*", "Frame", headers=HEADERS),
        "broker.document": message(EventType.DOCUMENT_STATUS.value, "DocumentView", headers=HEADERS),
        "broker.workspace": message(EventType.WORKSPACE_STATUS.value, "WorkspaceView", headers=HEADERS),
        **{f"webhook.{kind}": _of_type(kind, PAYLOADS.get(kind, "Frame"), headers=SIGNATURE) for kind in LOGGED},
    }


def channel(address: str | None, messages: Iterable[str], servers: Iterable[str], **more: Any) -> Node:
    """A place where messages go by. Parameters are those of its address."""
    listed = {name: ref("components", "messages", name) for name in messages}
    return {"address": address, "messages": listed, "servers": [ref("servers", name) for name in servers]} | more


def channels(exchange: str) -> dict[str, Node]:
    """All of them, by name."""
    kinds = [kind.value for kind in EventType]
    job = {"description": "A job, by the name that the client gave it."}
    socket = {"bindings": {"ws": {"method": "GET", "query": QUERY, "bindingVersion": "0.1.0"}}}
    http, ws, brokers = ["http"], ["websocket"], ["rabbitmq", "redis"]
    names = ["connect", "job_event", "document_status", "workspace_status"]
    keys = {"bindings": {"amqp": _topic(exchange)}, "description": BROKER_RULES}
    event = {"enum": [kind.removeprefix("job.") for kind in JOB_TYPES]}
    status = EventType.DOCUMENT_STATUS.value, EventType.WORKSPACE_STATUS.value
    return {
        "jobStream": channel("/api/ingest/stream/{session_id}", kinds, http, parameters={"session_id": job}),
        "jobEvents": channel("/jobs/{job_id}/events", kinds, http, parameters={"job_id": job}),
        "userEvents": channel("/events", kinds, http),
        "jobSocket": channel("/ws/{upload_id}", kinds, ws, parameters={"upload_id": job}, **socket),
        "userSocket": channel("/ws", kinds, ws, **socket),
        "socketIo": channel("/socket.io/", names, [*http, *ws], description=SOCKET_IO_RULES),
        "brokerJob": channel("job.{event}", ["broker.job"], brokers, parameters={"event": event}, **keys),
        "brokerDocument": channel(status[0], ["broker.document"], brokers, **keys),
        "brokerWorkspace": channel(status[1], ["broker.workspace"], brokers, **keys),
        "webhook": channel(None, [f"webhook.{kind}" for kind in LOGGED], ["receiver"]),
    }


def _topic(exchange: str) -> Node:
    described = {"name": exchange, "type": "topic", "durable": True, "autoDelete": False, "vhost": "/"}
    return {"is": "routingKey", "exchange": described, "bindingVersion": "0.3.0"}


def operations(places: Mapping[str, Node]) -> dict[str, Node]:
    """What this server does on each channel: it sends; on Socket.IO it is also told who connects."""
    rules = {"jobStream": SSE_RULES, "jobEvents": SSE_RULES, "userEvents": SSE_RULES, "jobSocket": SOCKET_RULES}
    made = {f"send.{name}": _operation("send", name, place, rules.get(name)) for name, place in places.items()}
    return made | {"receive.socketIo": _operation("receive", "socketIo", places["socketIo"], "Who connects.")}


def _operation(action: str, name: str, place: Node, summary: str | None) -> Node:
    is_receiving = action == "receive"
    told = [one for one in place["messages"] if (one == "connect") == is_receiving]
    made: Node = {"action": action, "channel": ref("channels", name)}
    made |= {"messages": [ref("channels", name, "messages", one) for one in told]}
    made |= {} if summary is None else {"summary": summary}
    if name in ("jobStream", "jobEvents", "userEvents"):
        made["bindings"] = {"http": {"method": "GET", "query": QUERY, "bindingVersion": "0.3.0"}}
    if str(place["address"]).startswith("/"):
        made["security"] = [ref("components", "securitySchemes", one) for one in ("token", "ticket", "session")]
    return made


def document(host: str, pathname: str, exchange: str, *, is_secure: bool) -> Node:
    """The whole document, for a server that is reached at `host` below `pathname`."""
    places, s = channels(exchange), "s" if is_secure else ""
    here = {"host": host} | ({"pathname": pathname} if pathname else {})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Headrace",
            "version": version("headrace"),
            "description": "One numbered log, told over every transport; each resumes by the last event id it saw.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "http": here | {"protocol": f"http{s}"},
            "websocket": here | {"protocol": f"ws{s}"},
            "rabbitmq": {"host": "localhost:5672", "protocol": "amqp", "description": "Of the setting rabbitmq_url."},
            "redis": {"host": "localhost:6379", "protocol": "redis", "description": "Of the setting redis_url."},
            "receiver": {"host": "example.com", "protocol": "https", "description": "Where a workspace's webhook is."},
        },
        "channels": places,
        "operations": operations(places),
        "components": {
            "schemas": SCHEMAS,
            "messages": frames() | other_messages(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "In `auth.token` on Socket.IO."},
                "ticket": {"type": "httpApiKey", "in": "query", "name": "ticket"},
                "session": {"type": "httpApiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }


@router.get("/asyncapi.json")
async def describe_streams(request: Request, app: Annotated[Context, Depends(context)]) -> dict[str, Any]:
    """The streams as an AsyncAPI 3.0 document, as /openapi.json is for the routes."""
    path = str(request.scope.get("root_path", ""))
    is_secure = request.url.scheme == "https"
    return document(request.url.netloc, path, app.settings.rabbitmq_exchange, is_secure=is_secure)
