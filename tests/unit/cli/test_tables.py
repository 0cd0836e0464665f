from datetime import UTC, datetime, timedelta

import pytest

from headrace.cli.tables import age, print_document, print_documents, print_jobs

ID = "01a20df9-3e92-7041-a99f-e14671d8822c"
LONG_AGO = "2026-01-02T03:04:05+00:00"
JOB = {
    "job_id": ID, "status": "completed", "stage": "completed", "progress_percent": 100.0, "processed_items": 4,
    "total_items": 4, "failed_items": 0, "chunks_created": 17_745, "created_at": LONG_AGO, "message": "",
    "error_message": None, "waiting_for": None, "eta_seconds": None,
}  # fmt: skip
DOCUMENT = {
    "document_id": ID, "processing_status": "processing", "chunk_count": None, "created_at": LONG_AGO,
    "filename": "accounts.xlsx", "processing_error": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-3, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (7_200, "2 h"),
        (86_399, "23 h"),
        (864_000, "10 d"),
    ],
)
def test_an_age_is_told_in_the_largest_unit_that_it_fills(seconds: float, told: str) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)

    assert age((now - timedelta(seconds=seconds)).isoformat(), now) == told


def test_a_list_of_jobs_fits_a_terminal_of_80_columns_and_its_notes_stand_below(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    reason = "ledger.pdf: the file is protected by a password; remove that and send it again, or send another file"
    running = JOB | {"status": "running", "stage": "indexing", "progress_percent": 99.96, "eta_seconds": 5.0}

    print_jobs([JOB, running, JOB | {"status": "failed", "stage": "failed", "error_message": reason}])

    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert max(map(len, lines)) <= 80
    assert sum(ID in line for line in lines) == 3
    assert "running 99%" in lines[2]
    assert "about 5 s left" in lines[3]
    assert " ".join(" ".join(lines[5:]).split()) == reason


def test_a_document_without_chunks_has_an_empty_column(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    print_documents([DOCUMENT])

    head, line = capsys.readouterr().out.splitlines()
    assert line.split()[:2] == [ID, "processing"]
    assert line.split()[-1] == "accounts.xlsx"
    assert line[head.index("chunks") :].startswith("      ")
    assert len(line) <= 80


def test_what_a_sender_says_of_a_document_is_shown_as_it_was_said(capsys: pytest.CaptureFixture[str]) -> None:
    print_document(DOCUMENT | {"metadata": {"paid_at": "some day", "pages": [1, 2], "note": None}})

    facts = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert (facts["paid_at"].strip(), facts["pages"].strip()) == ("some day", "[1, 2]")
    assert facts["created_at"].startswith("2026-01-0")
    assert "note" not in facts
