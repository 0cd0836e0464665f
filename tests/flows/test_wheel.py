"""What is published: the wheel carries the page, and a server that was installed from it shows it, without Node."""

import os
import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.running import RunningServer

PROJECT = Path(__file__).parents[2]
STATIC = "headrace/server/static"
BUILD_SECONDS = 300.0


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of these sources, unpacked as an installer would."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    environment = os.environ | {"PATH": "/usr/bin:/bin"}
    subprocess.run(command, cwd=PROJECT, env=environment, check=True, capture_output=True, timeout=BUILD_SECONDS)
    (wheel,) = folder.glob("headrace-*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_carries_the_page_and_nothing_of_its_sources(unpacked: Path) -> None:
    page = (unpacked / STATIC / "index.html").read_text()
    named = re.findall(r'(?:src|href)="\./([^"]+)"', page)

    assert any(name.endswith(".js") for name in named)
    assert any(name.endswith(".css") for name in named)
    assert [name for name in named if not (unpacked / STATIC / name).is_file()] == []
    tops = {path.name for path in unpacked.iterdir()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"headrace"}
    assert not list(unpacked.rglob("*.tsx"))


@pytest.mark.timeout(300)
def test_a_server_from_the_wheel_shows_the_page(unpacked: Path, tmp_path: Path) -> None:
    server = RunningServer(tmp_path, {"embedder": "none"})
    server.environment["PYTHONPATH"] = str(unpacked)  # before the sources, which are installed beside it
    where = subprocess.run(
        [sys.executable, "-c", "import headrace; print(headrace.__file__)"],
        env=server.environment, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(unpacked))
    try:
        server.start()
        with server.client() as client:
            page = client.get("/").raise_for_status()
            script = re.search(r'src="\./([^"]+\.js)"', page.text)
            assert script is not None
            assert (
                client.get(f"/{script[1]}").raise_for_status().content == (unpacked / STATIC / script[1]).read_bytes()
            )
    finally:
        server.close()
