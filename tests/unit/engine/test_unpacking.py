"""An archive is not failed because the database, or the store of bytes, is away for a while."""

from dataclasses import dataclass, field

import pytest

from headrace.engine.control import Control
from headrace.engine.unpacking import Unpacking
from headrace.model.document import Document
from headrace.model.errors import Busy
from headrace.model.job import Item
from headrace.pipeline.sandbox import Limits, Parsers
from headrace.settings import Settings
from headrace.store import documents
from tests.faults.forge import Forge

AWAY = 5


@dataclass(frozen=True, slots=True)
class Interrupted(Unpacking):
    """Finds the database away so many times, and then goes on."""

    tried: list[int] = field(default_factory=list)

    def _unpack(self, item: Item, document: Document, run: int, recipe: str) -> None:
        self.tried.append(run)
        if len(self.tried) <= AWAY:
            raise Busy("the database cannot be asked now; try again")


@pytest.fixture
def control(forge: Forge) -> Control:
    made = Control(forge.database)
    made.close()  # whoever waits does not
    return made


def test_an_archive_waits_for_a_database_that_is_away_longer_than_its_tries(forge: Forge, control: Control) -> None:
    job = forge.submit()
    forge.start(job.job_id, 1)
    (item,) = forge.items(job.job_id)
    with forge.database.read() as connection:
        (document,) = documents.get_many(connection, [item.document_id]).values()
    settings = Settings(max_tries=2)
    with Parsers(Limits()) as parsers:
        unpacking = Interrupted(forge.database, forge.blobs, parsers, control, settings)
        unpacking._try_again_and_again(item, document, 1, "")

    assert len(unpacking.tried) == AWAY + 1 > settings.max_tries
    assert forge.items(job.job_id) == [item]  # nobody failed it
