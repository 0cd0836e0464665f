"""A store whose jobs the tests work on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.forge import Forge


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    made = Forge(tmp_path)
    yield made
    made.close()
