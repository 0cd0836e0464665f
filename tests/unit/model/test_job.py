"""What is counted on a job."""

from hypothesis import given
from hypothesis import strategies as st

from headrace.model.job import STAT_NAMES, Stats

counts = st.integers(0, 10**9)
languages = st.lists(st.sampled_from(["de", "en", "fr"])).map(lambda found: tuple(sorted(set(found))))
stats = st.builds(
    Stats, **{name: languages if name == "languages" else counts for name in STAT_NAMES}
)  # every count there is, so that none can be forgotten in `plus`


@given(stats, stats)
def test_two_counts_add_up_member_by_member_and_languages_are_kept_once(one: Stats, other: Stats) -> None:
    both = one.plus(other)

    for name in STAT_NAMES:
        mine, theirs, sum_ = (getattr(each, name) for each in (one, other, both))
        assert sum_ == (tuple(sorted({*mine, *theirs})) if name == "languages" else mine + theirs)


@given(stats, stats, stats)
def test_the_order_of_counting_does_not_matter(one: Stats, other: Stats, third: Stats) -> None:
    assert one.plus(other).plus(third) == third.plus(one.plus(other))
    assert one.plus(Stats()) == one


@given(stats)
def test_counts_come_back_from_json_as_they_were(one: Stats) -> None:
    assert Stats.from_json(one.to_json()) == one


def test_the_members_are_those_of_the_contract() -> None:
    assert list(Stats().to_json()) == [
        "documents_processed", "pages", "chunks", "keywords", "metadata_extracted", "languages", "bytes",
        "embeddings_computed", "embeddings_reused", "errors", "warnings", "documents_changed", "documents_unchanged",
        "failed_pages",
    ]  # fmt: skip
