"""The page on reliability says what the tests have shown, and leaves no promise out."""

import json
import re

from tests import reliability
from tests.reliability import PROJECT, PROMISES, merged, table


def test_the_table_is_that_of_the_kept_figures() -> None:
    assert table(reliability.read()) in reliability.PAGE.read_text()


def test_every_promise_is_shown_by_a_test_that_is_there() -> None:
    figures = reliability.read()
    shown = {name.partition(",")[0] for name in figures}

    assert set(PROMISES) - shown == set()
    for name, forms in figures.items():
        file, _, test = forms["test"].partition("::")
        assert f"def {test}(" in (PROJECT / file).read_text(), name
        assert forms.keys() & {"short", "soak"}, f"{name} has no figure"
    in_short = {name.partition(",")[0] for name, forms in figures.items() if "short" in forms}
    assert set(PROMISES) - in_short == set(), "each has a short form in make test"


def test_every_figure_comes_with_its_seed_and_a_machine_and_no_date() -> None:
    for name, forms in reliability.read().items():
        for form in ("short", "soak"):
            if form in forms:
                assert {"figure", "seed", "machine"} == forms[form].keys(), name
                assert not re.search(r"20\d\d-\d\d-\d\d", json.dumps(forms[form]))


def test_a_run_replaces_its_own_figures_alone() -> None:
    def line(promise: str, figure: str, form: str) -> str:
        return json.dumps({"promise": promise, "figure": figure, "seed": 1, "form": form, "test": "tests/x.py::test_x"})

    first = merged({}, [line("P1, uploads", "0 of 5", "short"), line("P2 and P7", "6 jobs", "short")])
    then = merged(first, [line("P1, uploads", "0 of 10,000", "soak")])

    assert set(then) == {"P1, uploads", "P2", "P7"}
    assert (then["P1, uploads"]["short"]["figure"], then["P1, uploads"]["soak"]["figure"]) == ("0 of 5", "0 of 10,000")
    assert then["P2"] == first["P2"]
