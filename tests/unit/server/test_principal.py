"""What is read from headers, whatever is in them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.model.errors import HeadraceError, NotAllowed, NotAuthenticated
from headrace.model.ids import UserId
from headrace.model.principal import LOCAL, Principal
from headrace.server import principal
from headrace.server.access import EXPLAINED, Kind, is_secret, make_secret
from headrace.server.origin import parse_origin
from headrace.server.principal import Guard, bearer, check_bind, is_open, session_secret
from headrace.settings import Settings

TOKEN = make_secret(Kind.TOKEN)
SESSION = make_secret(Kind.SESSION)
ANNA = Principal(user_id=UserId("anna"), credential="t1")


class KnownSecrets:
    """Two secrets, and what they are good for."""

    async def find(self, secret: str, kind: Kind) -> Principal:
        if is_secret(secret, kind) and secret in (TOKEN, SESSION):
            return ANNA
        raise NotAuthenticated(EXPLAINED)


def guard(**settings: Any) -> Guard:
    return Guard(Settings(**{"auth": "required"} | settings), None, KnownSecrets())  # type: ignore[arg-type]


def scope(*headers: tuple[str, str], method: str = "GET", path: str = "/jobs", scheme: str = "http") -> dict[str, Any]:
    sent = [(name.encode(), value.encode("latin-1")) for name, value in (("host", "127.0.0.1:8011"), *headers)]
    return {"type": "http", "method": method, "path": path, "scheme": scheme, "headers": sent, "query_string": b""}


def admit(asked: dict[str, Any], **settings: Any) -> Principal | None:
    return asyncio.run(guard(**settings).admit(asked))


@pytest.mark.parametrize("written", ["Bearer {}", "bearer {}", "BEARER  {} ", " Bearer {}"])
def test_a_token_is_found_however_bearer_is_written(written: str) -> None:
    assert admit(scope(("authorization", written.format(TOKEN)))) == ANNA


@pytest.mark.parametrize(
    "written",
    ["", "Bearer", "Bearer ", "{0}", "Basic {0}", "Token {0}", "Bearer{0}", "Bearer {0} x",
     "Bearer {0},{0}", "Bearer {1}", "Bearer\t{0}", 'Bearer "{0}"'],
)  # fmt: skip
def test_what_is_not_a_bearer_token_is_401(written: str) -> None:
    with pytest.raises(NotAuthenticated):
        admit(scope(("authorization", written.format(TOKEN, SESSION))))


def test_two_authorization_headers_are_401() -> None:
    with pytest.raises(NotAuthenticated):
        admit(scope(("authorization", f"Bearer {TOKEN}"), ("authorization", f"Bearer {TOKEN}")))


@given(st.text(st.characters(max_codepoint=255)), st.text(st.characters(max_codepoint=255)))
def test_any_authorization_and_cookie_is_answered_with_401_or_403(authorization: str, cookie: str) -> None:
    for headers in ([("authorization", authorization)], [("cookie", cookie)], [("authorization", f"Bearer {cookie}")]):
        with pytest.raises(HeadraceError) as refused:
            admit(scope(*headers))
        assert refused.value.status in (401, 403)


@given(st.text(st.characters(max_codepoint=255)))
def test_any_origin_but_ours_is_refused_with_a_cookie(origin: str) -> None:
    with pytest.raises(NotAllowed):
        admit(scope(("cookie", f"headrace_session={SESSION}"), ("origin", origin)))


@given(st.text(st.characters(max_codepoint=255)))
def test_any_host_but_ours_is_refused_while_nobody_has_to_log_in(name: str) -> None:
    asked = scope()
    asked["headers"] = [(b"host", f"x{name}.example".encode("latin-1"))]
    with pytest.raises(NotAllowed):
        admit(asked, auth="off")


@pytest.mark.parametrize(
    ("host", "origin", "is_let_in"),
    [
        ("127.0.0.1:8011", None, True),
        ("localhost:8011", "http://localhost:8011", True),
        ("[::1]:8011", "http://[::1]:8011", True),
        ("127.0.0.1:8011", "http://127.0.0.1:8012", False),
        ("127.0.0.1:8011", "https://127.0.0.1:8011", False),
        ("127.0.0.1:8011", "http://evil.example", False),
        ("127.0.0.1:8011", "null", False),
        ("evil.example", None, False),
        ("127.0.0.1.evil.example", None, False),
        ("127.0.0.1@evil.example", None, False),
        ("", None, False),
    ],
)
def test_without_authentication_only_this_machines_pages_are_served(
    host: str, origin: str | None, is_let_in: bool
) -> None:
    asked = scope()
    asked["headers"] = [(b"host", host.encode()), *([(b"origin", origin.encode())] if origin else [])]
    if is_let_in:
        assert admit(asked, auth="off") == LOCAL
    else:
        with pytest.raises(NotAllowed):
            admit(asked, auth="off")


def test_a_header_that_came_twice_is_nobodys() -> None:
    asked = scope(("host", "127.0.0.1:8011"))
    with pytest.raises(NotAllowed):
        admit(asked, auth="off")


def test_the_cookie_is_found_among_others_and_only_under_its_name() -> None:
    assert session_secret(scope(("cookie", f"a=1; headrace_session={SESSION};b=2"))) == SESSION
    assert session_secret(scope(("cookie", "a=1"), ("cookie", f"headrace_session={SESSION}"))) == SESSION
    assert session_secret(scope(("cookie", f"xheadrace_session={SESSION}; =;;headrace_session"))) == ""
    assert session_secret(scope(("cookie", f"headrace_session={SESSION}"), scheme="https")) is None
    assert session_secret(scope(("cookie", f"__Host-headrace_session={SESSION}"), scheme="https")) == SESSION
    assert bearer(scope()) is None


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/healthz", True), ("HEAD", "/", True), ("GET", "/style.css", True), ("GET", "/openapi.json", True),
        ("POST", "/session", True), ("GET", "/session", False), ("POST", "/healthz", False), ("GET", "/jobs", False),
        ("GET", "/healthz/", False), ("GET", "/HEALTHZ", False), ("GET", "/style.css/..", False), ("GET", "", False),
    ],
)  # fmt: skip
def test_only_what_is_listed_is_open(method: str, path: str, expected: bool) -> None:
    assert is_open(scope(method=method, path=path)) is expected


def test_every_open_path_says_why() -> None:
    assert all(len(reason) > 10 for reason in (principal.OPEN | principal.OPEN_POSTS).values())
    assert {f"/{path.name}" for path in Path(principal.STATIC).iterdir() if path.is_file()} <= set(principal.OPEN)


def test_a_public_address_needs_authentication() -> None:
    assert "--auth required" in (check_bind(Settings(host="0.0.0.0")) or "")
    assert check_bind(Settings(host="0.0.0.0", auth="required")) is None
    assert check_bind(Settings(host="0.0.0.0", insecure=True)) is None
    assert check_bind(Settings(host="::1")) is None


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("https://a.example", ("https", "a.example", 443)),
        ("HTTP://A.example:80", ("http", "a.example", 80)),
        ("http://[::1]:8011", ("http", "::1", 8011)),
        ("http://a.example/", None), ("http://a.example:x", None), ("http://a.example:99999", None),
        ("http://user@a.example", None), ("null", None), ("", None), ("file://a", None), ("http://[::1", None),
    ],
)  # fmt: skip
def test_an_origin_is_scheme_host_and_port(text: str, parsed: tuple[str, str, int] | None) -> None:
    assert parse_origin(text) == parsed
