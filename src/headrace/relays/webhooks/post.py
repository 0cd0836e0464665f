"""One attempt to deliver: a signed POST to a checked address."""

from datetime import UTC, datetime

import httpx
from standardwebhooks import Webhook as Signer

from headrace.relays.webhooks.guard import Refused, Target, check_url, resolve
from headrace.store.webhooks import Delivery, Webhook

MOST_REDIRECTS = 3
KEEPING_METHOD = (307, 308)
"""The redirects that keep a POST a POST. Others would turn it into a GET, which delivers nothing."""
USER_AGENT = "Headrace-Webhooks"


class NotDelivered(Exception):
    """The receiver did not take it. `is_final`: it said that it never will."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final


async def post(client: httpx.AsyncClient, hook: Webhook, delivery: Delivery, *, allow_private: bool) -> None:
    """Return when the receiver has answered 2xx. The client has to be one that follows no redirects by itself.

    Raises:
        NotDelivered: it has not.
    """
    headers = sign(hook.secret, delivery.event_id, delivery.body, datetime.now(UTC))
    try:
        url = check_url(hook.url, allow_private=allow_private)
        for _ in range(MOST_REDIRECTS + 1):
            answer = await _send(client, await resolve(url, allow_private=allow_private), headers, delivery.body)
            if answer.status_code not in KEEPING_METHOD:
                return _judge(answer.status_code)
            url = check_url(str(_follow(url, answer.headers.get("location", ""))), allow_private=allow_private)
    except Refused as error:
        raise NotDelivered(f"the URL {error}") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise NotDelivered(f"no answer: {type(error).__name__}") from error
    raise NotDelivered(f"redirected more than {MOST_REDIRECTS} times")


def sign(secret: str, event_id: str, body: str, now: datetime) -> dict[str, str]:
    """The headers of Standard Webhooks: an id that stays the same over all attempts, the time, and the signature."""
    return {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Signer(secret).sign(event_id, now, body),
    }


async def _send(client: httpx.AsyncClient, target: Target, headers: dict[str, str], body: str) -> httpx.Response:
    request = client.build_request(
        "POST", target.url, headers=headers | target.headers, content=body.encode(), extensions=target.extensions
    )
    answer = await client.send(request, stream=True)  # what a receiver says beside its status is not read
    await answer.aclose()
    return answer


def _follow(url: httpx.URL, location: str) -> httpx.URL:
    following = url.join(location)
    if url.scheme == "https" and following.scheme != "https":
        raise Refused("redirects from https to http")
    return following


def _judge(status: int) -> None:
    if not 200 <= status < 300:
        raise NotDelivered(f"the receiver answered {status}", is_final=status == httpx.codes.GONE)
