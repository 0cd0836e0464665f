"""Live bars in a terminal: draws a `Board` ten times a second while frames come in."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from headrace.cli.board import SIGNS, Bar, Board, outcome, plural, time_left
from headrace.cli.failures import comes_again
from headrace.cli.watch import all_documents
from headrace.model.errors import HeadraceError
from headrace.model.vocabulary import Stage

if TYPE_CHECKING:
    from headrace.client import Client

DRAWS_PER_SECOND = 10
LOOKS_PER_SECOND = 4
QUIET_SECONDS = 5.0
"""After so long without news the display says so: slow is not dead."""

_COLOURS = {Stage.COMPLETED: "green", Stage.FAILED: "red", Stage.CANCELLED: "yellow"}


def show_bars(client: "Client", job_id: str, patience_seconds: float) -> None:
    """Draw a job until it has ended; what was drawn last stays on the screen."""
    screen = Screen(client, job_id)
    with Live(get_renderable=screen.drawn, refresh_per_second=DRAWS_PER_SECOND, console=Console()) as live:
        for frame in client.follow(job_id, patience_seconds=patience_seconds):
            screen.take(frame)
        screen.look()
        live.refresh()


class Screen:
    """The board of one job, and when it was last brought up to date."""

    def __init__(self, client: "Client", job_id: str) -> None:
        self.board = Board()
        self._client = client
        self._job_id = job_id
        self._heard_at = time.monotonic()
        self._look_at = 0.0

    def take(self, frame: dict[str, Any]) -> None:
        """A frame has come; the documents are looked at again when that is due."""
        self.board.apply(frame)
        self._heard_at = time.monotonic()
        if self._heard_at >= self._look_at:
            self.look()

    def look(self) -> None:
        """Ask for the documents; a long list is asked for less often, at most a tenth of the time."""
        started = time.monotonic()
        try:
            self.board.apply_documents(all_documents(self._client, self._job_id))
        except HeadraceError as error:
            if not comes_again(error):
                raise  # else they stay as they were; the frames go on when the server is back
        took = time.monotonic() - started
        self._look_at = time.monotonic() + max(1 / LOOKS_PER_SECOND, 9 * took)

    def drawn(self) -> Group:
        """The picture now."""
        table = Table.grid(padding=(0, 1), expand=False)
        for _ in range(2):
            table.add_column(no_wrap=True)
        table.add_column(width=30)
        table.add_column(justify="right", width=4)
        table.add_column(no_wrap=True)
        table.add_column()  # the only one that gives way on a narrow screen
        bars = list(self.board.files.values()) or list(self.board.stages.values())
        for bar in bars:
            table.add_row(*_cells(bar))
        if len(bars) != 1 or not self.board.files:
            table.add_row(*_cells(self.board.total))
        return Group(table, self._last_line())

    def _last_line(self) -> Text:
        board = self.board
        if board.has_ended:
            return Text(outcome(board.total.stage.value, board.total_items, board.failed_items, board.chunk_count))
        quiet = time.monotonic() - self._heard_at
        told = [
            plural(board.processed_items, "document") + " done" if board.total_items > 1 else "",
            f"{board.failed_items} failed" if board.failed_items else "",
            time_left(board.eta_seconds),
            board.message,
            f"no news for {quiet:.0f} s" if quiet > QUIET_SECONDS else "",
        ]
        return Text(" · ".join(part for part in told if part), style="dim", overflow="ellipsis", no_wrap=True)


def _cells(bar: Bar) -> list[Text | ProgressBar]:
    colour = _COLOURS.get(bar.stage, "cyan")
    says_itself = bar.stage.is_final or bar.name == bar.stage
    note = Text("" if says_itself else bar.stage.value, style="dim")
    if bar.note:
        note = Text(bar.note, style="red", no_wrap=True, overflow="ellipsis")
    return [
        Text(SIGNS[bar.stage]),
        Text(_short(bar.name)),
        ProgressBar(total=1.0, completed=bar.share, width=30, complete_style=colour, finished_style=colour),
        Text("" if bar.stage is Stage.FAILED else f"{int(bar.share * 100)}%"),
        Text(bar.counter, style="dim"),
        note,
    ]


def _short(name: str, width: int = 32) -> str:
    return name if len(name) <= width else f"{name[: width - 12]}…{name[-11:]}"


@contextmanager
def upload_bar(count: int, size: int) -> Iterator[Callable[[int], None]]:
    """A bar of the bytes on their way; call what it yields with the bytes of each piece."""
    columns = (TextColumn("📤 {task.description}"), BarColumn(30), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task(f"sending {plural(count, 'file')}", total=size)
        yield lambda sent: progress.advance(task, sent)
