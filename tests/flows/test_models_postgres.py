"""A change of model on Postgres is what it is on SQLite: the same promises, with the vectors in pgvector's index."""

from collections.abc import Iterator

import pytest

from tests.contracts.test_log import new_postgres
from tests.flows.test_models import (
    http,
    service,
    settings_of,
    test_a_cancelled_change_leaves_the_old_model_in_place,
    test_a_change_of_model_is_a_job_and_the_old_vectors_serve_until_it_is_done,
    test_a_change_that_fails_says_why_and_a_retry_goes_on,
    test_changing_back_pays_nothing_and_what_comes_later_is_of_the_new_model,
)
from tests.model_service import ModelService
from tests.running import RunningServer, running_server

__all__ = [
    "http",
    "service",
    "test_a_cancelled_change_leaves_the_old_model_in_place",
    "test_a_change_of_model_is_a_job_and_the_old_vectors_serve_until_it_is_done",
    "test_a_change_that_fails_says_why_and_a_retry_goes_on",
    "test_changing_back_pays_nothing_and_what_comes_later_is_of_the_new_model",
]


@pytest.fixture(scope="module")
def server(
    service: ModelService,
    postgres_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningServer]:
    with new_postgres(postgres_url) as url:
        settings = settings_of(service) | {"database_url": url.replace("+psycopg", ""), "min_free_disk_bytes": 0}
        with running_server(tmp_path_factory.mktemp("models"), **settings) as started:
            yield started
