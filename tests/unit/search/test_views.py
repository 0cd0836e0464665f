import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from headrace.model.ids import LOCAL_USER
from headrace.search.query import Query, Searcher, SearchMode
from headrace.search.sqlite import SqliteFinder
from headrace.store import migrations
from headrace.store.database import Database
from tests.unit.search.library import Library, halves

ROW_BYTES = 2 * 4 + 8 + 1


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    database = Database(f"sqlite:///{tmp_path}/h.db")
    migrations.upgrade(database)
    yield Library(database)
    database.close()


def test_workspaces_asked_longest_ago_make_room_for_others(library: Library) -> None:
    workspaces = [library.workspace(f"w{number}") for number in range(4)]
    for workspace in workspaces:
        library.add(*["heron"] * 10, vectors=[[1, 0]] * 10, workspace=workspace)
    library.searcher = Searcher(library.database, matrix_bytes=20 * ROW_BYTES)
    finder = library.searcher._finder
    assert isinstance(finder, SqliteFinder)

    for workspace in [*workspaces, *workspaces]:
        assert len(library.near(1, 0, workspace_id=workspace.workspace_id)) == 10
        assert finder.views.size_bytes <= 20 * ROW_BYTES


def test_a_workspace_larger_than_the_limit_is_answered_too(library: Library) -> None:
    library.add(*["heron"] * 10, vectors=[[1, 0]] * 10)
    searcher = Searcher(library.database, matrix_bytes=1)
    query = Query(user_id=LOCAL_USER, text="", vector=halves([1, 0]), mode=SearchMode.VECTOR)

    assert [len(searcher.query(query)) for _ in range(2)] == [10, 10]


def test_only_a_query_with_a_vector_needs_numpy(library: Library) -> None:
    library.add("heron", vectors=[[1, 0]])
    program = """
import sys
from headrace.search.query import Query, Searcher
from headrace.store.database import Database
hits = Searcher(Database(sys.argv[1])).query(Query(user_id="local", text="heron"))
print(len(hits), "numpy" in sys.modules)
"""

    url = library.database.url.render_as_string()
    done = subprocess.run([sys.executable, "-c", program, url], capture_output=True, text=True, check=True)

    assert done.stdout == "1 False\n"


def test_of_very_many_passages_queries_find_what_is_live_and_near(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.search.matrix.MOST_EXACT", 100)
    monkeypatch.setattr("headrace.search.matrix.FEWEST_LIKELY", 60)
    random = np.random.default_rng(7)
    subjects = random.normal(size=(20, 64))
    near = {i: (subject + random.normal(scale=0.2, size=(10, 64))).tolist() for i, subject in enumerate(subjects)}

    def texts(number: int) -> list[str]:
        return [f"heron {number} passage {place}" for place in range(10)]

    made = [library.add(*texts(number), vectors=near[number]) for number in near]

    for number, subject in enumerate(subjects):
        assert sorted(library.near(*subject, top_k=10)) == sorted(texts(number))
    mixed = library.texts("heron", vector=halves(subjects[3].tolist()), mode=SearchMode.HYBRID, top_k=5)
    assert set(mixed) <= set(texts(3))
    assert set(library.near(*subjects[3], document_ids=[made[4]], top_k=10)) == set(texts(4))

    library.delete(made[3])
    library.build(made[4], 2, "heron, newly said", vectors=[near[3][0]])
    library.go_live(made[4], 2)

    found = library.near(*subjects[3], top_k=10)
    assert found[0] == "heron, newly said"
    assert not set(found) & {*texts(3), *texts(4)}
