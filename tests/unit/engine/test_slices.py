"""How a job is cut: all of it, in order, and the same way each time."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from headrace.engine.slices import GROUP_BYTES, GROUP_DOCUMENTS, Slice, cut, shifts
from headrace.model.ids import DocumentId, JobId
from headrace.model.job import Item
from headrace.model.vocabulary import Stage

JOB = JobId("0192-job")
sizes = st.lists(st.integers(1024, 5_000_000), max_size=60)


def make_items(given_sizes: list[int]) -> list[Item]:
    return [
        Item(
            job_id=JOB, ordinal=ordinal, document_id=DocumentId(f"d{ordinal}"), filename="a", version=1, work_total=size
        )
        for ordinal, size in enumerate(given_sizes)
    ]


def cut_so(items: list[Item], most_bytes: int, most_documents: int) -> list[Slice]:
    return cut(JOB, 3, items, most_bytes=most_bytes, most_documents=most_documents)


@given(sizes, st.integers(1, 8_000_000), st.integers(1, 20))
def test_slices_hold_every_document_once_in_order_and_within_the_limits(
    given_sizes: list[int], most_bytes: int, most_documents: int
) -> None:
    items = make_items(given_sizes)

    parts = cut_so(items, most_bytes, most_documents)

    held = [list(range(part.first, part.last + 1)) for part in parts]
    assert [ordinal for one in held for ordinal in one] == list(range(len(items)))
    assert all(len(one) <= most_documents for one in held)
    assert all(sum(given_sizes[ordinal] for ordinal in one) <= most_bytes for one in held if len(one) > 1)
    assert {(part.job_id, part.run) for part in parts} <= {(JOB, 3)}


@given(sizes, st.integers(1, 8_000_000), st.integers(1, 20))
def test_no_two_neighbours_would_fit_into_one_slice(
    given_sizes: list[int], most_bytes: int, most_documents: int
) -> None:
    parts = cut_so(make_items(given_sizes), most_bytes, most_documents)

    for one, following in pairwise(parts):
        count = one.last - one.first + 1
        size = sum(given_sizes[one.first : one.last + 1])
        assert count == most_documents or size + given_sizes[following.first] > most_bytes


@given(sizes, st.data())
def test_the_cut_is_the_same_whatever_is_done_already(given_sizes: list[int], data: st.DataObject) -> None:
    items = make_items(given_sizes)
    worked_on = [
        replace(
            item, stage=data.draw(st.sampled_from(Stage)), deaths=data.draw(st.integers(0, 3)), claim=2, work_done=7
        )
        for item in items
    ]

    assert cut_so(worked_on, 2_000_000, 10) == cut_so(items, 2_000_000, 10)


def test_a_job_without_documents_has_no_slices() -> None:
    assert cut_so([], 1, 1) == []


@given(sizes, st.data())
def test_a_document_on_which_a_worker_died_is_worked_on_alone(given_sizes: list[int], data: st.DataObject) -> None:
    items = [replace(item, deaths=data.draw(st.integers(0, 1))) for item in make_items(given_sizes)]

    together = [[item for group in shift for item in group] for shift in shifts(items)]
    taken = [group for shift in shifts(items) for group in shift]

    assert sorted(item.ordinal for group in taken for item in group) == list(range(len(items)))
    assert all(len(shift) == 1 for shift in together if any(item.deaths for item in shift))
    assert all(len(group) <= GROUP_DOCUMENTS for group in taken)
    assert all(sum(item.work_total for item in group) <= GROUP_BYTES for group in taken if len(group) > 1)
