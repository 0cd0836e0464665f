"""A server and a browser for each module; the module says by `ENGINE` which. Also for tests of other pages."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.cutting import CuttingProxy
from tests.browser.engines import Open, Page, launch, wait_for
from tests.running import RunningServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server without a model: what is tested here is what people see."""
    running = RunningServer(
        tmp_path_factory.mktemp("page"),
        {"embedder": "none", "stream_retry_seconds": 0.2, "progress_interval_seconds": 0.001},
    )
    try:
        yield running.start()
    finally:
        running.close()


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest) -> Iterator[Open]:
    """The module's engine, started once."""
    with launch(request.module.ENGINE) as open_page:
        yield open_page


@pytest.fixture
def page(browser: Open, server: RunningServer) -> Iterator[Page]:
    """The page of the server, live."""
    with browser() as opened:
        opened.goto(f"{server.url}/")
        wait_for(opened, "document.querySelector('.pill[data-state=live]')")
        yield opened


@pytest.fixture
def proxy(server: RunningServer) -> Iterator[CuttingProxy]:
    """A way to the server that can be cut."""
    with CuttingProxy(server.port) as cutting:
        yield cutting


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Where pictures go: the folder in HEADRACE_SCREENSHOTS, or none that is kept."""
    folder = Path(os.environ.get("HEADRACE_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
