"""`headrace token`, which needs no server."""

import json
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from tests.running import COMMAND, RunningServer


@pytest.fixture
def installation(tmp_path: Path) -> RunningServer:
    """Never started."""
    return RunningServer(tmp_path)


def test_create_prints_the_token_alone(installation: RunningServer) -> None:
    made = installation.run("token", "create", "--user", "anna", "--name", "laptop", "--expires-days", "7")

    assert made.returncode == 0
    assert re.fullmatch(r"hr_[A-Za-z0-9_-]{43}\n", made.stdout)
    assert made.stderr == ""


def test_list_tells_everything_but_the_secret(installation: RunningServer) -> None:
    secret = installation.run("token", "create", "--user", "anna", "--scope", "read").stdout.strip()
    installation.run("token", "create", "--user", "Ümit Ö")
    listed = installation.run("token", "list")
    first, second = map(json.loads, listed.stdout.splitlines())

    assert (first["user_id"], first["scopes"], second["user_id"]) == ("anna", ["read"], "Ümit Ö")
    assert first.keys() >= {"token_id", "name", "created_at", "last_used_at", "expires_at", "revoked_at"}
    assert secret[3:] not in listed.stdout


def test_list_is_a_table_on_a_terminal(installation: RunningServer) -> None:
    installation.run("token", "create", "--user", "anna")
    ours, theirs = pty.openpty()
    environment = installation.environment | {"COLUMNS": "160", "TERM": "dumb"}
    subprocess.run([COMMAND, "token", "list"], env=environment, stdout=theirs, check=True, timeout=60)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    os.close(theirs)

    assert shown.split()[:3] == ["user", "name", "id"]
    assert "anna" in shown


def test_revoke_says_what_it_did_once_and_again(installation: RunningServer) -> None:
    installation.run("token", "create", "--user", "anna")
    token_id = json.loads(installation.run("token", "list").stdout)["token_id"]
    codes = [installation.run("token", "revoke", token_id).returncode for _ in range(2)]

    assert codes == [0, 0]
    assert json.loads(installation.run("token", "list").stdout)["revoked_at"] is not None


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["create"], 2),
        (["create", "--user", " "], 2),
        (["create", "--user", "a", "--scope", "all"], 2),
        (["create", "--user", "a", "--expires-days", "-1"], 2),
        (["revoke", "nothing"], 2),
        (["revoke"], 2),
    ],
)
def test_what_cannot_be_done_is_said_on_standard_error(
    installation: RunningServer, arguments: list[str], code: int
) -> None:
    refused = installation.run("token", *arguments)

    assert (refused.returncode, refused.stdout) == (code, "")
    assert refused.stderr
    assert "Traceback" not in refused.stderr
