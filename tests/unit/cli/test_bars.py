from headrace.cli.bars import Screen
from headrace.client import Client
from tests.services import free_port


def test_documents_that_cannot_be_asked_for_leave_the_bars_as_they_are() -> None:
    with Client(f"http://127.0.0.1:{free_port()}") as client:
        screen = Screen(client, "a job")
        screen.take({"type": "job.progress", "stage": "indexing", "progress": 0.5, "message": "Embedding"})

        screen.look()

    assert screen.board.total.share == 0.5
    assert screen.drawn()
