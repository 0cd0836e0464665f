"""Whatever a document does to its parser ends that document with a reason, and nothing else."""

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from headrace.model.errors import DocumentError, Superseded, UnsupportedType
from headrace.pipeline.extract import Format
from headrace.pipeline.sandbox import Limits, Parsers, Source, grade
from headrace.pipeline.sandbox.wire import MAX_FRAME_BYTES
from headrace.pipeline.study import Brief
from tests.faults import parsers_gone_wrong
from tests.unit.pipeline.documents import docx, paragraph, pdf, saved

MB = 1_000_000
SEED = 20_240_506
ODD = "application/x-{}"
ODD_FORMATS = {
    ODD.format(function.__name__): Format(extractor=f"{function.__module__}:{function.__name__}", name="document")
    for function in vars(parsers_gone_wrong).values()
    if callable(function) and getattr(function, "__annotations__", {}).get("limits")
}

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="the cage is Linux's")


@pytest.fixture(scope="module")
def parsers() -> Iterator[Parsers]:
    limits = Limits(seconds=4, memory_bytes=100 * MB, max_pages=50, max_unpacked_bytes=50 * MB)
    with Parsers(limits, formats=ODD_FORMATS) as parsers:
        yield parsers


@pytest.fixture(autouse=True)
def nothing_leaks(parsers: Parsers, tmp_path: Path) -> Iterator[None]:
    """After each test the next document parses, and there is no process too many and no descriptor more than before."""
    read(parsers, saved(tmp_path, "first.csv", b"a,b\n1,2"))
    descriptors = busy_descriptors(parsers)
    yield
    assert "1" in read(parsers, saved(tmp_path, "next.csv", b"a,b\n1,2"))
    until(lambda: busy_processes(parsers) <= 0)  # a parser that is not kept takes a moment to end
    assert busy_descriptors(parsers) <= descriptors


def busy_processes(parsers: Parsers) -> int:
    """Warm processes but the one, and parsers but those that wait for the next document."""
    warm = [child for child in psutil.Process().children() if is_warm(child)]
    return len(warm) - 1 + sum(len(one.children()) for one in warm) - len(parsers._idle)


def busy_descriptors(parsers: Parsers) -> int:
    """Open descriptors of this process but the two for each idle parser."""
    return psutil.Process().num_fds() - 2 * len(parsers._idle)


def parser_processes() -> list[psutil.Process]:
    """Children of the warm process."""
    return [child for warm in psutil.Process().children() if is_warm(warm) for child in warm.children()]


def is_warm(process: psutil.Process) -> bool:
    """Whether it is what parsers are forked from."""
    if process.status() == psutil.STATUS_ZOMBIE:
        return False
    return "headrace.pipeline.sandbox.nursery" in process.cmdline()


def read(parsers: Parsers, source: Source, stop: Callable[[], bool] = lambda: False) -> str:
    with parsers.open(source, stop=stop) as reading:
        return "\n".join(section.text for section in reading)


def failure_of(parsers: Parsers, source: Source) -> DocumentError:
    with pytest.raises(DocumentError) as failure:
        read(parsers, source)
    assert str(source.path.parent) not in failure.value.detail
    assert not {"Traceback", "Error", "/secret"} & set(failure.value.detail.replace("(", " ").split())
    assert failure.value.detail[-1] not in ".!\n"
    return failure.value


def odd(folder: Path, name: str) -> Source:
    return saved(folder, "odd", b"any bytes", ODD.format(name))


def bomb(sizes: list[int]) -> bytes:
    """A Word document with members of so many zeros beside its text."""
    buffer = io.BytesIO(docx(paragraph("text")))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        for index, size in enumerate(sizes):
            archive.writestr(f"word/media/{index}", bytes(size))
    return buffer.getvalue()


def test_archives_that_unpack_to_too_much_are_refused_before_they_are_unpacked(
    parsers: Parsers, tmp_path: Path
) -> None:
    started = time.monotonic()

    assert failure_of(parsers, saved(tmp_path, "one.docx", bomb([40 * MB]))).code == "too_large"
    assert failure_of(parsers, saved(tmp_path, "many.docx", bomb([0] * 10_001))).code == "too_large"
    assert time.monotonic() - started < 10


@only_linux
def test_a_small_word_document_that_takes_gigabytes_ends_at_the_memory_limit(parsers: Parsers, tmp_path: Path) -> None:
    content = docx("<w:r/>" * 1_600_000)  # passes every check of sizes
    assert len(content) < MB

    failure = failure_of(parsers, saved(tmp_path, "greedy.docx", content))

    assert failure.code == "out_of_memory"


@only_linux
def test_an_allocation_beyond_the_limit_is_told_as_such(parsers: Parsers, tmp_path: Path) -> None:
    assert failure_of(parsers, odd(tmp_path, "eat_memory")).code == "out_of_memory"


@pytest.mark.parametrize("name", ["sleep_forever", "spin_forever"])
def test_a_parser_that_hangs_is_killed_at_the_time_limit(parsers: Parsers, tmp_path: Path, name: str) -> None:
    started = time.monotonic()

    assert failure_of(parsers, odd(tmp_path, name)).code == "timeout"
    assert 1.9 < time.monotonic() - started < 6


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("crash", "parser_crashed"),
        ("exit_early", "parser_crashed"),
        ("talk_nonsense", "parser_crashed"),
        ("announce_a_gigabyte", "parser_crashed"),
        ("raise_oddly", "corrupt"),
        ("endless_text", "too_large"),
    ],
)
def test_a_parser_that_goes_wrong_fails_its_document_only(
    parsers: Parsers, tmp_path: Path, name: str, code: str
) -> None:
    assert failure_of(parsers, odd(tmp_path, name)).code == code


@pytest.mark.parametrize("brief", [Brief(), Brief(max_tokens=256)], ids=["not asked", "asked"])
@pytest.mark.parametrize("name", ["cut_where_no_text_is", "cut_without_end"])
def test_a_parser_that_lies_about_passages_fails_its_document_only(
    parsers: Parsers, tmp_path: Path, name: str, brief: Brief
) -> None:
    with (
        pytest.raises(DocumentError) as failure,
        parsers.open(odd(tmp_path, name), brief=brief) as reading,
    ):
        list(reading)

    assert failure.value.code == "parser_crashed"


def test_a_stop_kills_a_silent_parser_within_a_moment(parsers: Parsers, tmp_path: Path) -> None:
    started = time.monotonic()

    with pytest.raises(Superseded):
        read(parsers, odd(tmp_path, "sleep_forever"), stop=lambda: time.monotonic() - started > 0.3)

    assert time.monotonic() - started < 1.5


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_parser_killed_from_outside_fails_its_document_only(
    parsers: Parsers, tmp_path: Path, signal_number: signal.Signals
) -> None:
    def kill() -> bool:
        for child in parser_processes():
            child.send_signal(signal_number)
        return False

    with pytest.raises(DocumentError) as failure:
        read(parsers, odd(tmp_path, "sleep_forever"), stop=kill)

    assert failure.value.code == "parser_crashed"


def test_a_frozen_parser_is_killed_at_the_time_limit(parsers: Parsers, tmp_path: Path) -> None:
    def freeze() -> bool:
        for child in parser_processes():
            child.suspend()
        return False

    with pytest.raises(DocumentError) as failure:
        read(parsers, odd(tmp_path, "sleep_forever"), stop=freeze)

    assert failure.value.code == "timeout"


@only_linux
@pytest.mark.skipif(grade() != "full", reason="this machine has no full cage")
def test_nothing_comes_out_of_the_cage(parsers: Parsers, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = read(parsers, odd(tmp_path, "print_and_say_how_it_went"))

    assert text == "came through: start a thread and read a library"
    assert capfd.readouterr() == ("", "")
    assert not Path("/tmp/headrace-escaped").exists()


def test_a_reader_that_leaves_in_the_middle_leaves_no_parser_behind(parsers: Parsers, tmp_path: Path) -> None:
    before = busy_processes(parsers)

    with parsers.open(odd(tmp_path, "endless_text")) as reading:
        next(iter(reading))

    until(lambda: busy_processes(parsers) <= before)


def test_the_death_of_the_warm_process_costs_at_most_the_documents_being_read(parsers: Parsers, tmp_path: Path) -> None:
    for _ in range(3):
        for process in psutil.Process().children():
            if is_warm(process):
                process.kill()
                until(lambda process=process: process.status() == psutil.STATUS_ZOMBIE)

        assert "a: 1" in read(parsers, saved(tmp_path, "a.csv", b"a,b\n1,2"))
        assert "page" in read(parsers, saved(tmp_path, "a.pdf", pdf(["page"])))


def test_several_threads_read_at_once_each_its_own_document(parsers: Parsers, tmp_path: Path) -> None:
    def one(number: int) -> bool:
        if number % 5 == 0:
            return failure_of(parsers, saved(tmp_path, f"{number}.docx", b"PK\x03\x04")).code == "corrupt"
        filename, content = (
            (f"{number}.pdf", pdf([f"number {number}"])) if number % 2 else (f"{number}.csv", b"a,b\n1,2")
        )
        return ("1" if filename.endswith("csv") else f"number {number}") in read(
            parsers, saved(tmp_path, filename, content)
        )

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(one, range(30)))


def test_parsers_see_nothing_of_the_owners_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_EMBEDDER_API_KEY", "the-secret")

    with Parsers(Limits()):
        children = psutil.Process().children()
        environments = [process.environ() for process in children if is_warm(process)]

    assert environments
    assert not any("HEADRACE_EMBEDDER_API_KEY" in environment for environment in environments[-1:])


WORKER = """
import sys
from pathlib import Path
from headrace.pipeline.extract import Format
from headrace.pipeline.sandbox import Limits, Parsers, Source
formats = {"application/x-sleep": Format(extractor="tests.faults.parsers_gone_wrong:sleep_forever", name="document")}
with Parsers(Limits(seconds=600), formats=formats) as parsers:
    source = Source(path=Path(sys.argv[1]), size=1, content_type="application/x-sleep", filename="a")
    def tell():
        print("reading", flush=True)
        return False
    with parsers.open(source, stop=tell): pass
"""


def test_no_parser_survives_a_worker_killed_with_sigkill(tmp_path: Path) -> None:
    source = saved(tmp_path, "a", b"x", "text/plain")
    command = [sys.executable, "-c", WORKER, str(source.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(Path.cwd())}) as worker:
        assert worker.stdout
        worker.stdout.readline()
        until(lambda: len(psutil.Process(worker.pid).children(recursive=True)) >= 2)
        family = psutil.Process(worker.pid).children(recursive=True)
        worker.kill()
        worker.wait()

    _, alive = psutil.wait_procs(family, timeout=5)
    assert not alive


def until(is_so: Callable[[], bool]) -> None:
    """Return as soon as it is so."""
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def hostile(whole: bytes, rng: random.Random) -> bytes:
    """The document cut, with bytes changed, or with a stretch repeated."""
    content = bytearray(whole)
    for _ in range(rng.randint(1, 8)):
        content[rng.randrange(len(content))] = rng.randrange(256)
    cut = rng.randrange(len(content))
    return bytes(rng.choice([content, content[:cut], content[:cut] + content[cut // 2 :]]))


def test_damaged_documents_of_every_format_are_read_or_fail_with_a_reason(parsers: Parsers, tmp_path: Path) -> None:
    rng = random.Random(SEED)
    whole = {
        "a.pdf": pdf(["one", "two"]),
        "a.docx": docx(paragraph("head", is_heading=True) + paragraph("text")),
        "a.html": b"<!doctype html><title>t</title><h1>a</h1><table><tr><td>b</table>" * 3,
        "a.json": json.dumps([{"a": [1, {"b": None}]}] * 5).encode(),
        "a.csv": b'a,b\n"1",2\n' * 9,
        "a.md": b"---\ntitle: t\n---\n# a\n```\nb\n```\n",
    }
    outcomes: dict[str, int] = {}
    for _ in range(8):
        for filename, content in whole.items():
            outcome = outcome_of(parsers, tmp_path, filename, hostile(content, rng))
            outcomes[outcome] = outcomes.get(outcome, 0) + 1

    print(f"seed {SEED}: {outcomes}")
    assert set(outcomes) <= {"read", "unsupported", "corrupt", "empty", "encrypted", "too_large"}


def outcome_of(parsers: Parsers, folder: Path, filename: str, content: bytes) -> str:
    try:
        source = saved(folder, filename, content)
    except UnsupportedType:
        return "unsupported"
    try:
        read(parsers, source)
    except DocumentError as error:
        return error.code
    return "read"


def test_frames_have_room_for_the_longest_section(parsers: Parsers, tmp_path: Path) -> None:
    text = "\x01" * 100_000 + "\U0001f30a" * 100_000  # each character is six, or four, bytes on the wire

    assert read(parsers, saved(tmp_path, "a.md", text.encode(), "text/markdown")).replace("\n", "") == text
    assert MAX_FRAME_BYTES >= 64_000 * 6


@only_linux
def test_pages_of_one_sender_share_a_process_with_nobody_else(parsers: Parsers, tmp_path: Path) -> None:
    page = saved(tmp_path, "page.html", b"<p>The weir holds.</p>")
    read(parsers, replace(page, sender="one"))
    mine = parsers._idle[-1]
    count = mine.document_count

    read(parsers, replace(page, sender="one"))
    read(parsers, replace(page, sender="another"))
    read(parsers, saved(tmp_path, "table.csv", b"a,b\n1,2"))
    read(parsers, page)

    assert (mine.sender, mine.document_count) == ("one", count + 1)


@only_linux
def test_a_parser_that_is_not_hardened_reads_one_document_whoever_sent_it(parsers: Parsers, tmp_path: Path) -> None:
    read(parsers, replace(saved(tmp_path, "a.docx", docx(paragraph("The weir holds."))), sender="alone"))

    assert "alone" not in {child.sender for child in parsers._idle}
