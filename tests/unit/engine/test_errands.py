"""What is done for a workspace as a whole ends, and may be done again."""

import pytest

from headrace.engine import errands
from headrace.model.errors import Superseded, WorkspaceNotFound
from headrace.model.job import Job
from headrace.model.vocabulary import JobType
from headrace.store import jobs, work, workspaces
from tests.faults.forge import USER, Forge


def hide(forge: Forge) -> None:
    with forge.database.write() as transaction:
        workspaces.hide(transaction, forge.workspace)


def provisioning(forge: Forge) -> Job:
    """A job that runs, to provision the forge's workspace."""
    with forge.database.write() as transaction:
        wanted = jobs.Submission(user_id=USER, workspace_id=forge.workspace.workspace_id, job_type=JobType.PROVISIONING)
        sent = jobs.submit(transaction, wanted)
        return work.start(transaction, sent.job_id, sent.run)


def status(forge: Forge) -> str:
    with forge.database.read() as connection:
        return workspaces.get(connection, USER, "default").status


def test_a_provisioned_workspace_is_ready_however_often(forge: Forge) -> None:
    job = provisioning(forge)

    for _ in range(2):
        errands.run(forge.database, job)

    assert status(forge) == "ready"


def test_a_worker_of_a_cancelled_provisioning_writes_nothing_more(forge: Forge) -> None:
    job = provisioning(forge)
    forge.move(jobs.cancel, job.job_id)

    with pytest.raises(Superseded):
        errands.run(forge.database, job)

    assert status(forge) == "provisioning"


def test_a_hidden_workspace_is_cleared_away_with_all_that_is_in_it(forge: Forge) -> None:
    forge.complete(forge.submit(new=3))
    hide(forge)

    for _ in range(2):
        errands.clear(forge.database, forge.workspace.workspace_id)

    assert forge.rows("SELECT count(*) FROM document UNION ALL SELECT count(*) FROM chunk") == [(0,), (0,)]
    with forge.database.read() as connection, pytest.raises(WorkspaceNotFound):
        workspaces.get(connection, USER, "default")


@pytest.mark.timeout(30)
def test_what_was_sent_while_a_workspace_was_deleted_goes_with_it(forge: Forge) -> None:
    hide(forge)
    forge.submit(new=2)

    errands.clear(forge.database, forge.workspace.workspace_id)

    assert forge.rows("SELECT count(*) FROM document UNION ALL SELECT count(*) FROM workspace") == [(0,), (0,)]
