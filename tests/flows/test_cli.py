"""The command line beside a real server, as a program sees it: exit codes, JSON lines, Ctrl-C."""

import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.running import COMMAND, RunningServer
from tests.services import free_port

WORDS = ("river", "stone", "archive", "lantern", "market", "harbour", "engine", "garden", "letter", "valley", "winter")


def long_text(words: int) -> str:
    """So much text that its job is still running when something is done to it."""
    lines = (" ".join(f"{WORDS[(n * k) % len(WORDS)]}{n}" for k in range(1, 15)) for n in range(words // 14))
    return ".\n\n".join(lines)


def events(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines() if line.strip()]


def job_of(told: RunningServer, *arguments: object) -> dict[str, Any]:
    """The job that one `headrace` command prints."""
    shown: dict[str, Any] = json.loads(told.run("jobs", *arguments).stdout)
    return shown


@contextmanager
def begun(told: RunningServer, *arguments: object) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A command that has printed its first event."""
    with subprocess.Popen(
        [COMMAND, *map(str, arguments)], env=told.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def test_a_file_is_ingested_event_by_event_and_can_be_asked(shared_server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("The tangerine submarine sleeps under the pier.")

    done = shared_server.run("ingest", tmp_path / "note.txt", "--collection", "notes", "--metadata", '{"a": 1}')

    assert done.returncode == 0, done.stderr
    told = events(done.stdout)
    assert told[-1]["type"] == "job.completed"
    assert told[-1]["progress_percent"] == 100
    numbers = [int(event["event_id"].partition("-")[2]) for event in told]
    assert numbers == sorted(set(numbers))
    found = shared_server.run("query", "where does the tangerine submarine sleep", "--workspace", "notes")
    assert "tangerine submarine" in events(found.stdout)[0]["text"]
    assert events(shared_server.run("workspaces").stdout)[0]["name"]


def test_documents_are_listed_shown_and_deleted(shared_server: RunningServer, tmp_path: Path) -> None:
    for name in ("plum.txt", "quince.txt", "medlar.txt"):
        (tmp_path / name).write_text(f"A tree that bears {name}.")
    shared_server.run("ingest", tmp_path, "--workspace", "orchard")

    listed = events(shared_server.run("documents", "list", "-w", "orchard", "--status", "ready").stdout)
    assert {one["filename"] for one in listed} == {"plum.txt", "quince.txt", "medlar.txt"}
    assert len(events(shared_server.run("documents", "list", "--limit", 2).stdout)) == 2
    gone, left, _ = (one["document_id"] for one in listed)
    assert events(shared_server.run("documents", "show", left).stdout)[0]["workspace_id"] == listed[0]["workspace_id"]

    deleted = shared_server.run("documents", "delete", gone)
    assert (deleted.returncode, events(deleted.stdout)) == (0, [{"document_id": gone, "deleted": True}])
    assert_one_line(shared_server.run("documents", "delete", gone), 2, "no document with id")
    kept = events(shared_server.run("documents", "list", "-w", "orchard").stdout)
    assert {one["document_id"] for one in kept} == {one["document_id"] for one in listed} - {gone}


def test_documents_are_a_table_on_a_terminal(shared_server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "rowan.txt").write_text("A tree that bears berries.")
    job_id = events(shared_server.run("ingest", tmp_path, "--collection", "hedge").stdout)[0]["job_id"]
    document_id = events(shared_server.run("documents", "list", "-w", "hedge").stdout)[0]["document_id"]

    with terminal(shared_server, "documents", "list", "-w", "hedge") as (_, screen):
        read_until(screen, rf"{document_id}  ready +1 +\d+ s  rowan\.txt")
    with terminal(shared_server, "documents", "show", document_id) as (_, screen):
        seen = read_until(screen, r"\n\S*language +\S*en")
    assert job_id in seen


def test_a_folder_is_one_job_and_what_is_left_out_is_named(shared_server: RunningServer, tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number}.txt").write_text(f"Document number {number}.")
    (tmp_path / ".hidden.txt").write_text("no")
    (tmp_path / "song.mp3").write_bytes(b"ID3\x04" + bytes(100))

    done = shared_server.run("ingest", tmp_path)

    assert done.returncode == 0, done.stderr
    assert {event["job_id"] for event in events(done.stdout) if event["job_id"]} == {events(done.stdout)[0]["job_id"]}
    assert events(done.stdout)[-1]["processed_items"] == 12
    assert ".hidden.txt: hidden" in done.stderr
    assert "song.mp3" in done.stderr


def test_standard_input_is_ingested(shared_server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "piped").write_text("A crimson walrus plays the bassoon.")
    with (tmp_path / "piped").open() as piped:
        done = shared_server.run("ingest", "-", stdin=piped)

    assert done.returncode == 0, done.stderr
    assert "walrus" in shared_server.run("query", "crimson walrus bassoon").stdout


def test_a_job_without_a_single_success_fails_the_command(shared_server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4\n1 0 obj\n<</Type")

    done = shared_server.run("ingest", tmp_path / "broken.pdf")

    assert done.returncode == 1
    assert "❌ broken.pdf:" in done.stderr


def test_some_failed_files_are_named_but_the_job_is_done(shared_server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4\n1 0 obj\n<</Type")
    (tmp_path / "sound.txt").write_text("Sound.")

    done = shared_server.run("ingest", tmp_path)

    assert done.returncode == 0
    assert "❌ broken.pdf:" in done.stderr


def test_an_ended_job_can_be_watched(shared_server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("Short.")
    job_id = events(shared_server.run("ingest", tmp_path / "note.txt").stdout)[0]["job_id"]

    done = shared_server.run("watch", job_id)

    assert done.returncode == 0
    assert [event["type"] for event in events(done.stdout)] == ["snapshot", "job.completed"]


def test_ctrl_c_leaves_the_job_running_and_says_how_to_come_back(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(long_text(20_000))
    with begun(server, "ingest", tmp_path / "long.txt") as (process, first):
        process.send_signal(signal.SIGINT)
        output, hint = process.communicate(timeout=20)

    assert process.returncode == 130
    assert f"headrace watch {first['job_id']}" in hint
    events(output)
    assert job_of(server, "show", first["job_id"])["status"] in {"pending", "running"}
    assert job_of(server, "cancel", first["job_id"])["status"] == "cancelled"
    assert server.run("watch", first["job_id"]).returncode == 1
    assert server.run("jobs", "cancel", first["job_id"]).returncode == 1


def test_a_job_that_rests_can_be_resumed(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(long_text(4_000))
    with begun(server, "ingest", tmp_path / "long.txt") as (process, first):
        assert job_of(server, "pause", first["job_id"])["status"] == "paused"
        assert first["job_id"] in server.run("jobs", "list", "--status", "paused").stdout
        assert job_of(server, "resume", first["job_id"])["status"] == "pending"
        output, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert {"job.paused", "job.resumed", "job.completed"} <= {event["type"] for event in events(output)}


def test_a_watcher_survives_the_death_of_the_server(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(long_text(6_000))
    with begun(server, "ingest", tmp_path / "long.txt") as (process, first):
        server.kill()
        server.start()
        output, complaint = process.communicate(timeout=100)

    assert process.returncode == 0, complaint
    told = [first, *events(output)]
    numbers = [event["seq"] for event in told]
    assert numbers == list(range(numbers[0], numbers[-1] + 1)), "an event is missing or came twice"
    assert told[-1]["type"] == "job.completed"


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("ingest",),
        ("watch",),
        ("jobs", "frobnicate"),
        ("ingest", "/nowhere/at/all"),
        ("query", "x", "--mode", "y"),
    ],
    ids=" ".join,
)
def test_wrong_use_exits_with_2(arguments: tuple[str, ...], shared_server: RunningServer) -> None:
    assert shared_server.run(*arguments).returncode == 2


def test_an_embedder_that_there_is_not_is_said_at_the_start(shared_server: RunningServer) -> None:
    for command in ("serve", "worker"):
        done = shared_server.run(command, env=shared_server.environment | {"HEADRACE_EMBEDDER": "nosuch"})

        assert done.returncode == 2
        assert done.stderr.startswith("no embedder 'nosuch'; choose 'minilm'")


def test_what_is_named_like_a_setting_and_is_none_is_told_at_the_start(shared_server: RunningServer) -> None:
    for command in ("serve", "worker"):
        odd = {"HEADRACE_PROT": "8012", "HEADRACE_EMBEDDER": "nosuch"}  # the latter, so that it ends at once
        done = shared_server.run(command, env=shared_server.environment | odd)

        assert done.stderr.count("HEADRACE_PROT is no setting; HEADRACE_PORT is one") == 1
        assert "HEADRACE_URL" not in done.stderr


@pytest.mark.parametrize("command", [("serve",), ("worker",), ("token", "list"), ("demo",)], ids=" ".join)
def test_a_folder_that_cannot_be_made_is_said_in_a_line(command: tuple[str, ...], shared_server: RunningServer) -> None:
    done = shared_server.run(*command, "--data-dir", "/proc/nope")

    assert done.returncode == 2
    assert done.stderr == "/proc/nope: no such file or directory\n"


def test_the_demo_takes_no_port_that_somebody_has(shared_server: RunningServer) -> None:
    done = shared_server.run("demo", "--port", str(shared_server.port))

    assert done.returncode == 2
    assert done.stderr == f"port {shared_server.port} cannot be used: address already in use\n"


@pytest.mark.parametrize("url", ["bogus://x", "mysql://a/b", "headrace.db", "postgresql://host:port/x"])
@pytest.mark.parametrize("command", [("serve",), ("worker",), ("db", "check")], ids=" ".join)
def test_a_database_that_there_is_no_store_for_is_wrong_use(
    command: tuple[str, ...], url: str, shared_server: RunningServer
) -> None:
    done = shared_server.run(*command, "--database-url", url)

    assert done.returncode == 2
    assert done.stderr.endswith(": is no database's url: sqlite:///file or postgresql://user@host/name\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("jobs", "list"), ("query", "x"), ("watch", "x"), ("workspaces",)], ids=" ".join)
def test_no_server_exits_with_3(arguments: tuple[str, ...], tmp_path: Path) -> None:
    nowhere = RunningServer(tmp_path)

    done = nowhere.run(*arguments)

    assert done.returncode == 3
    assert done.stderr.endswith(f"no answer from {nowhere.url}: Connection refused\n")


def test_an_unknown_job_is_refused_without_a_traceback(shared_server: RunningServer) -> None:
    for arguments in (("watch", "no-such-job"), ("jobs", "show", "no-such-job"), ("jobs", "retry", "no-such-job")):
        done = shared_server.run(*arguments)

        assert done.returncode == 2
        assert done.stderr.startswith("no job with id")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("ingest", "-"), "standard input is empty: there is nothing to ingest"),
        (("ingest", "nowhere.txt"), "there is no file or folder 'nowhere.txt'"),
        (("ingest", "http://127.0.0.1:1/x"), "http://127.0.0.1:1/x cannot be fetched: Connection refused"),
        (("jobs", "list", "--status", "bogus"), "status: Input should be 'pending', 'running'"),
        (("query", "x", "--workspace", "nowhere"), "no workspace 'nowhere'"),
        (("query", ""), "query: String should have at least 1 character"),
        (("query", "x", "--since", "someday"), "created_at.from: "),
    ],
    ids=str,
)
def test_what_the_server_cannot_mean_is_one_line_and_wrong_use(
    arguments: tuple[str, ...], reason: str, shared_server: RunningServer
) -> None:
    assert_one_line(shared_server.run(*arguments), 2, reason)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("serve", "--data-dir", "/dev/null"), "/dev/null: file exists"),
        (("worker", "--data-dir", "/dev/null/in"), "/dev/null/in: not a directory"),
        (("demo", "--data-dir", "/dev/null"), "/dev/null: file exists"),
        (("token", "create", "--user", "anna", "--data-dir", "/dev/null/in"), "/dev/null/in: not a directory"),
        (("token", "revoke", "nonsense"), "no token with id 'nonsense'"),
        (("jobs", "list", "--url", "http://[::bad"), "'http://[::bad' is not a server's URL"),
        (("jobs", "list", "--url", "http://"), "'http://' is not a server's URL"),
        (("doctor", "--url", "http://host:port"), "'http://host:port' is not a server's URL"),
    ],
    ids=str,
)
def test_what_can_never_work_is_one_line_and_wrong_use(arguments: tuple[str, ...], reason: str, tmp_path: Path) -> None:
    assert_one_line(RunningServer(tmp_path).run(*arguments), 2, reason)


@pytest.mark.parametrize(
    ("name", "value"),
    [("worker_tags", "a,b"), ("port", "many"), ("redis_url", "localhost:6379"), ("rabbitmq_url", "localhost")],
)
def test_a_setting_that_cannot_be_meant_is_named(name: str, value: str, tmp_path: Path) -> None:
    done = RunningServer(tmp_path, {name: value}).run("serve")

    assert_one_line(done, 2, "a setting cannot be meant so: ")
    assert name in done.stderr.lower()


def test_a_token_that_can_never_be_one_is_wrong_use(shared_server: RunningServer) -> None:
    for token in ("é", "two\nlines"):
        environment = shared_server.environment | {"HEADRACE_TOKEN": token}

        assert_one_line(shared_server.run("jobs", "list", env=environment), 2, "the token has characters in it")


def test_a_worker_that_waits_for_its_database_stops_when_it_is_told_to(tmp_path: Path) -> None:
    away = f"postgresql://127.0.0.1:{free_port()}/x"
    with subprocess.Popen(
        [COMMAND, "worker", "--database-url", away], env=RunningServer(tmp_path).environment,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        first = process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()

    assert process.returncode == 0
    assert "the database does not answer; trying again" in first
    assert len(rest.splitlines()) == 1


def test_a_database_that_cannot_be_reached_is_no_server(tmp_path: Path) -> None:
    away = f"postgresql://nobody@127.0.0.1:{free_port()}/none"

    done = RunningServer(tmp_path).run("token", "create", "--user", "anna", "--database-url", away)

    assert done.returncode == 3
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_no_server(shared_server: RunningServer, tmp_path: Path) -> None:
    done = RunningServer(tmp_path).run("serve", "--port", shared_server.port)

    assert_one_line(done, 3, "")
    assert "address already in use" in done.stderr


def test_a_reader_that_goes_away_detaches(shared_server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("Short.")
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [COMMAND, "ingest", "--force", tmp_path / "note.txt"], env=shared_server.environment,
            stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60,
        )  # fmt: skip
    finally:
        os.close(writing)

    assert (done.returncode, done.stderr) == (130, "")


def assert_one_line(done: subprocess.CompletedProcess[str], code: int, beginning: str) -> None:
    """A command that ended so, with one plain line on standard error."""
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith(beginning), done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_the_doctor_reports_without_a_server(tmp_path: Path) -> None:
    alone = RunningServer(tmp_path)

    done = alone.run("doctor")

    assert done.returncode == 0, done.stdout
    states = {answer["check"]: answer["state"] for answer in events(done.stdout)}
    assert states["server"] == "info"
    assert states["embedder"] == "ok"


def test_the_doctor_names_what_is_called_like_a_setting_and_is_none(tmp_path: Path) -> None:
    alone = RunningServer(tmp_path)
    alone.environment |= {"HEADRACE_MAX_FILE_BYTE": "1", "HEADRACE_TOKEN": "hr_x"}

    told = [answer["told"] for answer in events(alone.run("doctor").stdout) if answer["state"] == "info"]

    assert "HEADRACE_MAX_FILE_BYTE is no setting; HEADRACE_MAX_FILE_BYTES is one" in told
    assert not [one for one in told if "HEADRACE_TOKEN" in one]


def test_a_backup_of_a_running_server_can_be_served(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("The tangerine submarine sleeps under the pier.")
    server.run("ingest", tmp_path / "note.txt")

    assert server.run("db", "check").returncode == 0
    done = server.run("db", "backup", tmp_path / "copy")

    assert done.returncode == 0, done.stderr
    assert server.run("db", "backup", tmp_path / "copy").returncode == 2
    server.stop()
    server.data_dir.rename(tmp_path / "lost")
    (tmp_path / "copy").rename(server.data_dir)
    server.start()
    assert "tangerine" in server.run("query", "tangerine submarine").stdout
    assert server.run("db", "check").returncode == 0


def test_damage_is_found(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("The tangerine submarine sleeps under the pier.")
    server.run("ingest", tmp_path / "note.txt")
    for blob in (server.data_dir / "blobs").glob("??/*"):
        blob.unlink()

    done = server.run("db", "check")

    assert done.returncode == 1
    assert re.search(r"BAD +documents' bytes: 1 missing", done.stdout)


def test_help_comes_at_once_and_names_every_command(tmp_path: Path) -> None:
    done = RunningServer(tmp_path).run("--help")

    listed = set(re.findall(r"^  (\w+)", done.stdout, re.MULTILINE))
    assert {"serve", "worker", "ingest", "watch", "jobs", "query", "workspaces", "db", "demo", "doctor"} <= listed


def test_every_command_tells_its_use_at_minus_h(tmp_path: Path) -> None:
    for command in ((), ("serve",), ("jobs", "list"), ("documents",)):
        assert (
            RunningServer(tmp_path).run(*command, "-h").stdout.startswith(f"Usage: {' '.join(('headrace', *command))} ")
        )


def test_the_version_is_told_and_what_an_exit_code_means(shared_server: RunningServer) -> None:
    assert shared_server.run("--version").stdout.startswith("headrace 0.")
    assert "3 no server" in " ".join(shared_server.run("--help").stdout.split())


def test_the_demo_answers_and_leaves_nothing_running(tmp_path: Path) -> None:
    lone = RunningServer(tmp_path)

    done = lone.run("demo", "--port", lone.port, timeout=110)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "headrace.pdf" in done.stdout
    assert f"http://127.0.0.1:{lone.port}/" in done.stdout
    assert lone.run("jobs", "list").returncode == 3


def test_on_a_terminal_there_are_bars_and_ctrl_c_detaches(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(long_text(20_000))
    with terminal(server, "ingest", tmp_path / "long.txt") as (process, screen):
        seen = read_until(screen, r"long\.txt .*[1-9]\d*% [1-9]\d* of \d+")
        process.send_signal(signal.SIGINT)
        seen += read_until(screen, r"headrace watch \S+")
        assert process.wait(20) == 130

    assert "Traceback" not in seen
    assert "0 of 0" not in seen


@contextmanager
def terminal(told: RunningServer, *arguments: object) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A command on a terminal of its own, and the descriptor of its screen."""
    screen, inside = pty.openpty()
    environment = told.environment | {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    with subprocess.Popen(
        [COMMAND, *map(str, arguments)], env=environment, stdin=inside, stdout=inside, stderr=inside,
    ) as process:  # fmt: skip
        os.close(inside)
        try:
            yield process, screen
        finally:
            process.kill()
            os.close(screen)


def read_until(screen: int, pattern: str) -> str:
    """What the screen showed until it showed this; the test's own timeout ends a wait in vain."""
    seen = ""
    with suppress(OSError):  # the other side is gone
        while not re.search(pattern, re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen)):
            seen += os.read(screen, 65_536).decode(errors="replace")
    assert re.search(pattern, re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen)), seen
    return seen
