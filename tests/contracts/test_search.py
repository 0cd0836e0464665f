"""What the index of chunks promises, on SQLite and on Postgres."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, make_url, update

from headrace.model.errors import ChunkNotFound, DocumentNotFound, InvalidField
from headrace.model.ids import LOCAL_USER, UserId, WorkspaceId, new_id
from headrace.search import index
from headrace.search.postgres import ensure_vector_index
from headrace.search.query import Clock, Query, Searcher, SearchMode, Span
from headrace.store import migrations
from headrace.store.database import Database
from headrace.store.schema import document as document_table
from tests.unit.search.library import Library, halves

MODES = list(SearchMode)


@pytest.fixture(scope="module")
def emptied_database(postgres_url: str) -> Iterator[Database]:
    """One database for all tests of this file: emptying it is much faster than making one."""
    url, name = make_url(postgres_url), f"search_{uuid4().hex}"
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        database = Database(url.set(database=name).render_as_string(hide_password=False))
        migrations.upgrade(database)
        yield database
        database.close()
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    server.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def library(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Library]:
    if request.param == "postgres":
        yield Library(request.getfixturevalue("emptied_database"))
        _empty(request.getfixturevalue("emptied_database"))
        return
    database = Database(f"sqlite:///{tmp_path}/h.db")
    migrations.upgrade(database)
    yield Library(database)
    database.close()


def _empty(database: Database) -> None:
    with database.write() as transaction:
        for table in ["chunk", "receipt", "document", "workspace", "event", "account"]:
            transaction.connection.exec_driver_sql(f"DELETE FROM {table}")
        transaction.connection.exec_driver_sql("ALTER SEQUENCE chunk_chunk_id_seq RESTART")


def test_a_version_is_searched_only_once_it_is_live(library: Library) -> None:
    document = library.document(library.workspace(), {})
    library.build(document, 1, "herons fish at dawn", vectors=[[1, 0]])

    assert library.texts("herons") == library.near(1, 0) == []

    library.go_live(document, 1)
    assert library.texts("herons") == library.near(1, 0) == ["herons fish at dawn"]


def test_a_new_version_replaces_the_old_one_and_a_building_one_changes_nothing(library: Library) -> None:
    document = library.add("an old heron", vectors=[[1, 0]])
    library.build(document, 2, "a new heron", vectors=[[1, 0]])
    assert library.texts("heron") == library.near(1, 0) == ["an old heron"]

    library.go_live(document, 2)
    assert library.texts("heron") == library.near(1, 0) == ["a new heron"]

    library.drop(document, 1)
    assert library.texts("heron") == library.near(1, 0) == ["a new heron"]


@pytest.mark.parametrize("mode", MODES)
def test_every_answer_during_swaps_is_entirely_old_or_entirely_new(library: Library, mode: SearchMode) -> None:
    size, last_version = 8, 16
    document = library.add(*["heron 1"] * size, vectors=[[1, 0]] * size)
    done = threading.Event()

    def watch() -> list[set[str]]:
        seen = []
        while not done.is_set():
            seen.append(set(library.texts("heron", vector=halves([1, 0]), mode=mode, top_k=size)))
            assert len(library.texts("heron", vector=halves([1, 0]), mode=mode, top_k=size)) == size
        return seen

    with ThreadPoolExecutor() as pool:
        watchers = [pool.submit(watch) for _ in range(3)]
        for version in range(2, last_version + 1):
            library.build(document, version, *[f"heron {version}"] * size, vectors=[[1, 0]] * size)
            library.go_live(document, version)
            library.drop(document, version - 1)
        done.set()
        answers = [watcher.result() for watcher in watchers]

    assert all(len(answer) == 1 for seen in answers for answer in seen)
    assert all(_version(old) <= _version(new) for seen in answers for old, new in pairwise(seen))
    assert len({_version(answer) for seen in answers for answer in seen}) > 1
    assert set(library.texts("heron", mode=mode, vector=halves([1, 0]))) == {f"heron {last_version}"}


def _version(answer: set[str]) -> int:
    return int(next(iter(answer)).split()[1])


def test_a_dropped_version_leaves_no_chunks_and_no_keywords(library: Library) -> None:
    document = library.add("one heron", "two herons", "three herons")
    library.build(document, 2, "four herons")
    library.save(document, 3, "five herons, never indexed", "six")

    assert library.drop(document, 1, limit=2) == 2
    assert library.drop(document, 1, limit=2) == 1
    assert library.drop(document, 1) == 0
    assert library.drop(document, 3) == 2
    assert library.counts() == (1, 1)


def test_a_deleted_document_is_found_no_more_and_leaves_nothing(library: Library) -> None:
    document = library.add("one heron", "two herons", vectors=[[1, 0], [0, 1]])
    library.build(document, 2, "three herons")
    kept = library.add("a kept heron", vectors=[[1, 1]])
    assert len(library.near(1, 0)) == 3

    library.delete(document)

    assert library.near(1, 0) == library.texts("heron") == ["a kept heron"]
    assert library.counts() == (1, 1)
    library.delete(kept)
    assert library.near(1, 0) == []


def test_indexing_twice_is_indexing_once(library: Library) -> None:
    document = library.add("one heron", vectors=[[1, 0]])
    with library.database.write() as transaction:
        rows = [index.IndexedChunk(chunk_id=1, text="one heron", vector=halves([0, 1]))]
        index.index_chunks(transaction, rows)
        index.index_chunks(transaction, [index.IndexedChunk(chunk_id=77, text="dropped meanwhile", vector=None)])

    assert library.counts() == (1, 1)
    library.drop(document, 1)
    assert library.counts() == (0, 0)


def test_a_rolled_back_transaction_indexes_nothing(library: Library) -> None:
    document = library.document(library.workspace(), {})
    library.save(document, 1, "one heron")

    with suppress(ZeroDivisionError), library.database.write() as transaction:
        index.index_chunks(transaction, [index.IndexedChunk(chunk_id=1, text="one heron", vector=halves([1, 0]))])
        raise ZeroDivisionError

    with library.database.read() as connection:
        waiting = index.unindexed(connection, document_id=document, version=1, limit=10)
    assert [(one.ordinal, one.text) for one in waiting] == [(0, "one heron")]
    assert library.counts() == (1, 0)


def test_what_is_not_indexed_comes_in_order_and_from_where_one_left_off(library: Library) -> None:
    document = library.document(library.workspace(), {})
    library.save(document, 1, *(f"chunk {number}" for number in range(1_100)))

    with library.database.read() as connection:
        some = index.unindexed(connection, document_id=document, version=1, limit=3)
        more = index.unindexed(connection, document_id=document, version=1, limit=3, after=some[-1].ordinal)
        texts = list(index.texts(connection, document, 1))

    assert [one.ordinal for one in some + more] == list(range(6))
    assert texts == [f"chunk {number}" for number in range(1_100)]


def test_text_that_a_database_refuses_is_stored_with_its_offsets(library: Library) -> None:
    library.add("nul \0 and half a pair \ud83d heron")

    assert library.texts("heron") == ["nul   and half a pair ? heron"]


def test_receipts_come_back_as_they_were_kept_and_the_first_one_stays(library: Library) -> None:
    first, second = b"\x01" * 32, b"\xff" * 32
    with library.database.write() as transaction:
        index.save_receipts(transaction, {second: halves([0.5, -2]), first: halves([1, 0])})
        index.save_receipts(transaction, {first: halves([9, 9])})
        index.save_receipts(transaction, {})

    with library.database.read() as connection:
        found = index.find_receipts(connection, [first, second, b"\x02" * 32, *(bytes([n]) * 32 for n in range(3))])
        many = index.find_receipts(connection, [number.to_bytes(32, "big") for number in range(2_000)])
    assert found == {first: halves([1, 0]), second: halves([0.5, -2])}
    assert many == {}


@pytest.mark.parametrize("mode", MODES)
def test_nobody_finds_the_chunks_of_another_user(library: Library, mode: SearchMode) -> None:
    theirs = library.workspace("default", UserId("other"))
    document = library.add("their heron", vectors=[[1, 0]], workspace=theirs)
    library.add("my heron", vectors=[[1, 0]])
    asked = {"vector": halves([1, 0]), "mode": mode}

    assert library.texts("heron", **asked) == ["my heron"]
    assert library.texts("heron", **asked, workspace_id=theirs.workspace_id) == []
    assert library.texts("heron", **asked, document_ids=[document]) == []
    assert library.texts("heron", **asked, user_id=UserId("other")) == ["their heron"]
    assert library.texts("heron", **asked, user_id=UserId("nobody")) == []


def test_a_few_chunks_are_found_among_many_of_other_users(library: Library) -> None:
    crowd = library.workspace("crowd", UserId("other"))
    library.add(*["heron heron"] * 400, vectors=[[1, 0]] * 400, workspace=crowd)
    library.add("a single heron in a longer text", vectors=[[0.5, 0.5]])

    assert library.texts("heron") == library.near(1, 0) == ["a single heron in a longer text"]


@pytest.mark.parametrize("mode", MODES)
def test_a_query_keeps_to_its_workspace_or_asks_all_of_the_users(library: Library, mode: SearchMode) -> None:
    first, second = library.workspace("first"), library.workspace("second")
    library.add("first heron", vectors=[[1, 0.1]], workspace=first)
    library.add("second heron of mine", vectors=[[1, 0.2]], workspace=second)
    asked = {"vector": halves([1, 0]), "mode": mode}

    assert library.texts("heron", **asked, workspace_id=first.workspace_id) == ["first heron"]
    assert library.texts("heron", **asked, workspace_id=second.workspace_id) == ["second heron of mine"]
    assert library.texts("heron", **asked) == ["first heron", "second heron of mine"]
    assert library.texts("heron", **asked, workspace_id=WorkspaceId(new_id())) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_query_keeps_to_its_documents(library: Library, mode: SearchMode) -> None:
    first = library.add("first heron", vectors=[[1, 0]])
    library.add("second heron", vectors=[[1, 0]])
    asked = {"vector": halves([1, 0]), "mode": mode}

    assert library.texts("heron", **asked, document_ids=[first]) == ["first heron"]
    assert library.texts("heron", **asked, document_ids=[]) == []


METADATA = {
    "kind": "bird",
    "tags": ["wet", "grey", 7],
    "author": {"name": "Ana", "größe": {"in cm": 98.5}},
    "legs": 2,
    "flies": True,
    "teeth": None,
    'odd "key"': "it's",
}
MATCHING = [
    {},
    {"kind": "bird"},
    {"kind": ["fish", "bird"]},
    {"tags": "grey"},
    {"tags": 7},
    {"author.name": "Ana"},
    {"author.größe.in cm": 98.5},
    {"legs": 2.0},
    {"flies": True},
    {"teeth": None},
    {'odd "key"': "it's"},
    {"kind": "bird", "legs": 2, "tags": ["dry", "wet"]},
]
OTHERS = [
    {"kind": "fish"},
    {"kind": []},
    {"kind": "Bird"},
    {"tags": ["dry", 8]},
    {"author": "Ana"},
    {"author.name.first": "Ana"},
    {"name": "Ana"},
    {"legs": "2"},
    {"flies": 1},
    {"legs": True},
    {"kind": None},
    {"missing": None},
    {"kind": "bird", "legs": 3},
    {"kind": "bird' OR 1=1 --"},
    {"kind' OR 1=1 --": "bird"},
    {"\0": "\0"},
    {"": ""},
]


@pytest.mark.parametrize("mode", MODES)
def test_filters_compare_members_of_the_metadata(library: Library, mode: SearchMode) -> None:
    library.add("a heron", vectors=[[1, 0]], metadata=METADATA)
    library.add("an unlabelled heron", vectors=[[1, 0]])
    asked = {"vector": halves([1, 0]), "mode": mode, "text": "heron"}

    found = [bool(library.texts(**asked, filters=filters)) for filters in MATCHING]
    not_found = [library.texts(**asked, filters=filters) for filters in OTHERS]

    assert found == [True] * len(MATCHING)
    assert not_found == [[]] * len(OTHERS)
    assert library.texts(**asked, filters={"kind": "bird"}) == ["a heron"]


@pytest.mark.parametrize("value", [{"a": 1}, [[1]], float("nan"), float("inf"), 2**70, object()])
def test_a_filter_that_cannot_be_compared_is_refused(library: Library, value: object) -> None:
    with pytest.raises(InvalidField, match="'kind'"):
        library.texts("heron", filters={"kind": value})


def test_a_filter_that_is_too_deep_is_refused(library: Library) -> None:
    with pytest.raises(InvalidField, match="16 members deep"):
        library.texts("heron", filters={".".join("a" * 17): 1})


def test_words_are_found_in_other_forms_and_any_of_them_will_do(library: Library) -> None:
    library.add("The herons were fishing.", "Kingfishers dive.", "Otters swim.")

    assert library.texts("heron fished") == ["The herons were fishing."]
    assert set(library.texts("heron kingfisher")) == {"The herons were fishing.", "Kingfishers dive."}


def test_a_chunk_with_all_the_words_comes_before_one_with_a_single_word_many_times(library: Library) -> None:
    library.add(
        "heron " * 20, "heron and river and much else that is said at some length of other birds", "river " * 20
    )

    assert library.texts("heron river", mode=SearchMode.KEYWORD)[0].startswith("heron and river")


def test_a_word_as_it_was_asked_for_comes_before_its_other_forms(library: Library) -> None:
    library.add("they pumped the water", "they pumping the water", "they pump the water", "they pumps the water")

    for word in ("pump", "pumped", "pumping", "pumps"):
        assert library.texts(f"{word} water", mode=SearchMode.KEYWORD)[0] == f"they {word} the water"


def test_of_two_words_the_rarer_one_counts_for_more(library: Library) -> None:
    library.add(*["the mill pond"] * 20, "the mill race", "the old mill of the mill by the mill")

    assert library.texts("mill race weir", mode=SearchMode.KEYWORD)[0] == "the mill race"


def test_words_within_names_of_files_and_hosts_are_found(library: Library) -> None:
    library.add("see config.yaml on db-7.example.org, or /etc/headrace/settings_local")

    for text in ["config", "config.yaml", "db-7", "example.org", "headrace", "settings"]:
        assert library.texts(text, mode=SearchMode.KEYWORD), text


def test_common_words_alone_do_not_hide_the_rare_one(library: Library) -> None:
    library.add(*["the common water"] * 60, "the common heron")

    assert library.texts("the common heron", mode=SearchMode.KEYWORD, top_k=5)[0] == "the common heron"
    assert len(library.texts("common heron", mode=SearchMode.KEYWORD, top_k=50)) == 50


ODD = [
    "",
    " ",
    "the and of",
    '"',
    "'",
    '"heron',
    "heron AND",
    "NEAR(heron, 5)",
    "heron*",
    "^heron",
    "text: heron",
    "-heron",
    "(((",
    "🦆🪿",
    "\0",
    "\ud83d",
    "a" * 10_000,
    "heron " * 10_000,
    " ".join(map(str, range(5_000))),
    "a & b | !c <-> d:*",
    "%s %(x)s ? :x {} \\",
    "鷺 は 鳥",
    "e\u0301te\u0301",
]


@pytest.mark.parametrize("mode", MODES)
def test_no_text_is_an_error(library: Library, mode: SearchMode) -> None:
    library.add("a heron", vectors=[[1, 0]])

    for text in ODD:
        found = library.texts(text, mode=mode, vector=halves([1, 0]))
        assert found == ["a heron"] or mode is SearchMode.KEYWORD, text


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(st.text(), st.text("heronAND OR*\"'():^-&|!<>\\%\0\ud800🦆", max_size=60)))
def test_no_generated_text_is_an_error(library: Library, text: str) -> None:
    assert isinstance(library.texts(text, mode=SearchMode.KEYWORD), list)


@pytest.mark.parametrize(
    "vector", [b"", halves([0, 0]), halves([np.nan, 1]), halves([np.inf, 1]), halves([1, 0, 0]), None, np.zeros(2)]
)
def test_a_vector_without_direction_or_of_another_model_leaves_the_keywords(
    library: Library, vector: bytes | np.ndarray | None
) -> None:
    library.add("a heron", vectors=[[1, 0]])

    assert library.texts("heron", vector=vector) == ["a heron"]
    assert library.texts("heron", vector=vector, mode=SearchMode.VECTOR) == []


def test_the_nearest_come_first_whatever_their_length_and_those_without_direction_last(library: Library) -> None:
    vectors = [[0.0, 9.0], [0.1, 0.1], [5.0, 0.0], None, [0.0, 0.0], [-1.0, 0.0]]
    library.add("right angle", "half", "same", "without", "zero", "opposite", vectors=vectors)

    asked = Query(user_id=LOCAL_USER, text="", vector=np.array([2.0, 0.0]), mode=SearchMode.VECTOR)
    hits = library.searcher.query(asked)

    found = {hit.text: round(hit.score, 2) for hit in hits if hit.text != "zero"}
    assert list(found.items()) == [("same", 1.0), ("half", 0.71), ("right angle", 0.0), ("opposite", -1.0)]
    assert all(np.isfinite(hit.score) for hit in hits)


def test_vectors_of_several_models_live_side_by_side(library: Library) -> None:
    library.add("small", "large", vectors=[[1, 0], [1, 0, 0]])

    assert library.near(1, 0) == ["small"]
    assert library.near(1, 0, 0) == ["large"]


@pytest.mark.parametrize("mode", MODES)
def test_equals_are_ordered_by_chunk_id_and_the_same_each_time(library: Library, mode: SearchMode) -> None:
    library.add(*["heron"] * 300, vectors=[[1, 0]] * 300)
    asked = Query(user_id=LOCAL_USER, text="heron", vector=halves([1, 0]), mode=mode, top_k=20)

    answers = [[int(hit.chunk_id) for hit in library.searcher.query(asked)] for _ in range(3)]

    assert answers == [list(range(1, 21))] * 3


def test_a_hybrid_answer_is_ordered_by_the_sum_of_reciprocal_ranks(library: Library) -> None:
    library.add("heron heron heron", "a heron in other words", "no bird", vectors=[[0.0, 1.0], [1.0, 0.1], [1.0, 0.0]])
    asked = Query(user_id=LOCAL_USER, text="heron", vector=halves([1, 0]))

    hits = {hit.text: hit.score for hit in library.searcher.query(asked)}

    assert hits == pytest.approx(
        {
            "a heron in other words": 1 / 12 + 1 / 12,
            "heron heron heron": 1 / 11 + 1 / 13,
            "no bird": 1 / 11,
        }
    )
    assert list(hits.values()) == sorted(hits.values(), reverse=True)


def test_a_hit_says_what_it_is_and_where(library: Library) -> None:
    document = library.add("first", "a heron", metadata={"kind": "bird"})

    [hit] = library.searcher.query(Query(user_id=LOCAL_USER, text="heron"))

    assert (hit.document_id, hit.chunk_id, hit.text, hit.filename) == (document, "2", "a heron", "notes.txt")
    assert (hit.metadata, hit.offsets, hit.page) == ({"kind": "bird"}, (100, 150), None)
    assert hit.score > 0


@pytest.mark.parametrize("mode", MODES)
def test_no_more_than_top_k_come_back(library: Library, mode: SearchMode) -> None:
    library.add(*(f"heron {number}" for number in range(80)), vectors=[[1, number] for number in range(80)])

    for top_k in [0, 1, 7, 60, 500]:
        found = library.texts("heron", vector=halves([1, 0]), mode=mode, top_k=top_k)
        assert len(found) == min(top_k, 80)


def test_a_searcher_follows_what_other_processes_write(library: Library) -> None:
    elsewhere = Library(Database(library.database.url))
    document = elsewhere.add("an old heron", vectors=[[1, 0]])
    assert library.near(1, 0) == ["an old heron"]

    elsewhere.add("another heron", vectors=[[0, 1]])
    elsewhere.build(document, 2, "a new heron", vectors=[[1, 0]])
    elsewhere.go_live(document, 2)
    elsewhere.drop(document, 1)
    assert library.near(1, 0) == ["a new heron", "another heron"]

    elsewhere.delete(document)
    assert library.near(1, 0) == ["another heron"]
    elsewhere.database.close()


def test_an_index_of_vectors_is_made_once_it_is_worth_it(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(1).normal(size=(300, 8))
    library.add(*map(str, range(300)), vectors=list(rows))
    exact = library.near(*rows[0], top_k=20)
    assert not ensure_vector_index(library.database, 8)

    monkeypatch.setattr("headrace.search.postgres.WORTH_AN_INDEX", 300)
    made = [ensure_vector_index(library.database, 8) for _ in range(2)]

    assert made == [not library.database.is_sqlite] * 2
    assert not ensure_vector_index(library.database, 5_000)
    assert library.near(*rows[0], top_k=20)[:5] == exact[:5]


def test_a_fresh_searcher_answers_as_one_that_followed(library: Library) -> None:
    random = np.random.default_rng(2)
    workspace = library.workspace()
    documents = []
    for number in range(30):
        documents.append(library.add(f"heron {number}", vectors=[random.normal(size=4)], workspace=workspace))
        if number % 3 == 2:
            library.delete(documents.pop(0))
        library.near(1, 0, 0, 0)

    asked = Query(user_id=LOCAL_USER, text="heron", vector=halves([1, 0, 0, 0]), top_k=50)
    assert Searcher(library.database).query(asked) == library.searcher.query(asked)


RANGES = [
    ({"year": {"gte": 1900}}, {"1911", "both", "1950"}),
    ({"year": {"gte": 1900, "lt": 1950}}, {"1911"}),
    ({"year": {"gt": 1950}}, {"both"}),
    ({"year": {"lte": 1850.5}}, {"1850", "both"}),
    ({"year": [{"lt": 1880}, 1950]}, {"1850", "both", "1950"}),
    ({"name": {"gte": "b", "lt": "d"}}, {"1911", "1950"}),
    ({"year": {"gte": "1900"}}, {"text"}),
    ({"year": {"gte": 1860, "lte": 1890}}, set()),
    ({"place.mile": {"lt": 3}}, {"1850"}),
]


@pytest.mark.parametrize(("filters", "wanted"), RANGES)
def test_bounds_on_metadata_compare_numbers_with_numbers_and_texts_with_texts(
    library: Library, filters: dict[str, object], wanted: set[str]
) -> None:
    library.add("1850", metadata={"year": 1850, "place": {"mile": 2}}, vectors=[[1, 0]])
    library.add("1911", metadata={"year": 1911, "name": "b", "place": {"mile": 3}}, vectors=[[1, 0]])
    library.add("1950", metadata={"year": 1950, "name": "cd"}, vectors=[[1, 0]])
    library.add("both", metadata={"year": [1840, 1960], "name": "D"}, vectors=[[1, 0]])
    library.add("text", metadata={"year": "1920", "name": True}, vectors=[[1, 0]])
    library.add("none", vectors=[[1, 0]])

    assert set(library.near(1, 0, filters=filters)) == wanted


@pytest.mark.parametrize("bounds", [{}, {"above": 3}, {"gte": None}, {"gte": True}, {"gte": [1]}, {"lt": float("inf")}])
def test_bounds_that_cannot_be_meant_are_refused_by_name(library: Library, bounds: dict[str, object]) -> None:
    with pytest.raises(InvalidField, match="year"):
        library.texts("heron", filters={"year": bounds})


def test_times_bound_when_documents_came_in_and_were_changed(library: Library) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for day in range(4):
        made = library.add(f"heron {day}")
        with library.database.write() as transaction:
            moment = noon + timedelta(days=day)
            values = {"created_at": moment, "updated_at": moment + timedelta(days=10)}
            transaction.execute(update(document_table).where(document_table.c.document_id == made).values(values))

    def found(clock: Clock, start: int | None, end: int | None) -> set[str]:
        bounds = [None if day is None else noon + timedelta(days=day) for day in (start, end)]
        return set(library.texts("heron", times={clock: Span(start=bounds[0], end=bounds[1])}))

    assert found(Clock.CREATED, 1, None) == {"heron 1", "heron 2", "heron 3"}
    assert found(Clock.CREATED, None, 1) == {"heron 0"}
    assert found(Clock.CREATED, 1, 3) == {"heron 1", "heron 2"}
    assert found(Clock.UPDATED, 1, 3) == set()
    assert found(Clock.UPDATED, 12, None) == {"heron 2", "heron 3"}


def test_dates_in_the_text_are_bound_day_by_day(library: Library) -> None:
    library.add("spring", metadata={"dates": ["1911-03-31", "1950-01-01"]})
    library.add("autumn", metadata={"dates": ["1911-10-02"]})
    library.add("undated")

    def found(first: str, last: str) -> set[str]:
        end = datetime.fromisoformat(last).replace(tzinfo=UTC) + timedelta(days=1)
        times = {Clock.DATED: Span(start=datetime.fromisoformat(first).replace(tzinfo=UTC), end=end)}
        return set(library.texts("spring autumn undated", times=times))

    assert found("1911-01-01", "1911-12-31") == {"spring", "autumn"}
    assert found("1911-03-31", "1911-03-31") == {"spring"}
    assert found("1911-04-01", "1911-10-01") == set()
    assert len(library.texts("spring autumn undated", times={Clock.DATED: Span()})) == 3


def test_highlights_are_the_words_asked_for_in_whatever_form_they_have(library: Library) -> None:
    text = "Herons étaient fishing near config.yaml; a HERON, and Fischadler."
    library.add(text, vectors=[[1, 0]])

    for mode in MODES:
        asked = Query(user_id=LOCAL_USER, text="the heron fishes: config", vector=halves([1, 0]), mode=mode)
        [hit] = library.searcher.query(asked)
        assert [hit.text[start:end] for start, end in hit.highlights] == ["Herons", "fishing", "config", "HERON"]


@pytest.mark.parametrize("text", ["a \x02heron\x03 with marks of its own", "no such bird"])
def test_what_cannot_be_marked_has_no_highlights(library: Library, text: str) -> None:
    library.add(text, vectors=[[1, 0]])

    [hit] = library.searcher.query(Query(user_id=LOCAL_USER, text="heron", vector=halves([1, 0])))

    assert hit.highlights == ()


@pytest.mark.parametrize("mode", MODES)
def test_pages_have_every_passage_once_and_in_the_order_of_one_long_page(library: Library, mode: SearchMode) -> None:
    library.add(*(f"heron {number % 7}" for number in range(90)), vectors=[[1, number % 5] for number in range(90)])
    asked = {"mode": mode, "vector": halves([1, 0])}

    whole = [
        hit.chunk_id for hit in library.searcher.query(Query(user_id=LOCAL_USER, text="heron 3", top_k=90, **asked))
    ]

    assert len(set(whole)) == 90
    for size in (1, 7, 45, 90):
        assert library.pages("heron 3", size, **asked) == whole


def test_pages_of_very_many_passages_fit_together(library: Library) -> None:
    forms = ("heron", "herons", "heron's nest", "heron nests")
    library.add(*(f"{forms[number % 4]} {number}" for number in range(250)))

    whole = library.pages("heron nest", 250, mode=SearchMode.KEYWORD)

    assert len(set(whole)) == 250
    for size in (33, 100, 101):
        assert library.pages("heron nest", size, mode=SearchMode.KEYWORD) == whole


def test_a_page_beyond_the_end_is_empty(library: Library) -> None:
    library.add("heron")

    assert library.texts("heron", offset=1) == library.texts("heron", offset=5_000) == []


def test_neighbours_are_those_around_in_the_version_that_is_read(library: Library) -> None:
    document = library.add(*(f"heron {number}" for number in range(5)))
    library.build(document, 2, "another version")
    other = library.add("another document")

    def around(text: str, before: int, after: int) -> list[str]:
        hit = next(hit for hit in library.searcher.query(Query(user_id=LOCAL_USER, text=text)) if hit.text == text)
        found = library.searcher.neighbours(LOCAL_USER, hit.chunk_id, before=before, after=after)
        return [one.text for one in found]

    assert around("heron 2", 1, 1) == ["heron 1", "heron 2", "heron 3"]
    assert around("heron 0", 3, 1) == ["heron 0", "heron 1"]
    assert around("heron 4", 0, 3) == ["heron 4"]
    assert around("another document", 9, 9) == ["another document"]
    assert other != document


def test_neighbours_of_what_one_may_not_see_are_not_found(library: Library) -> None:
    eve = UserId("eve")
    library.add("heron", workspace=library.workspace("hers", eve))
    document = library.document(library.workspace(), {})
    library.build(document, 1, "not live yet")

    for chunk_id in ("1", "2", "3", "-1", "x", "", "9" * 30):
        with pytest.raises(ChunkNotFound):
            library.searcher.neighbours(LOCAL_USER, chunk_id, before=1, after=1)
    assert len(library.searcher.neighbours(eve, "1", before=1, after=1)) == 1


def test_the_text_around_a_passage_is_that_of_the_version_that_is_read(library: Library) -> None:
    document = library.add(*(f"heron {number}" for number in range(5)))
    library.build(document, 2, "another version")
    (hit,) = [hit for hit in library.searcher.query(Query(user_id=LOCAL_USER, text="heron")) if hit.text == "heron 2"]

    found = library.searcher.around(LOCAL_USER, document, hit.chunk_id, margin=100)

    assert (found.start, found.end, found.total, found.sought) == (100, 350, 450, (200, 250))
    assert found.text.split("\n" * 50) == ["heron 1".ljust(50), "heron 2".ljust(50), "heron 3".ljust(50)]
    assert [one.text for one in found.passages] == ["heron 1", "heron 2", "heron 3"]


def test_the_text_of_what_one_may_not_see_is_not_found(library: Library) -> None:
    hers = library.add("heron", workspace=library.workspace("hers", UserId("eve")))
    unread = library.document(library.workspace(), {})
    library.build(unread, 1, "not live yet")
    mine = library.add("kingfisher")

    for document in (hers, unread):
        with pytest.raises(DocumentNotFound):
            library.searcher.stretch(LOCAL_USER, document, start=0, length=9)
    with pytest.raises(ChunkNotFound):
        library.searcher.around(LOCAL_USER, mine, "1", margin=1)


@pytest.mark.parametrize("mode", [SearchMode.HYBRID, SearchMode.VECTOR])
def test_vectors_of_workspaces_with_another_model_are_not_compared(library: Library, mode: SearchMode) -> None:
    same, other = library.workspace("same"), library.workspace("other")
    library.add("same model", vectors=[[1, 0]], workspace=same)
    library.add("other model", vectors=[[1, 0]], workspace=other)

    found = library.texts("xyzzy", vector=halves([1, 0]), mode=mode, vector_workspaces=frozenset({same.workspace_id}))

    assert found == ["same model"]
