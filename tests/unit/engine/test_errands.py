"""What is done for a workspace as a whole ends, and may be done again."""

import pytest

from headrace.engine import errands
from headrace.model.errors import WorkspaceNotFound
from headrace.store import workspaces
from tests.faults.forge import USER, Forge


def hide(forge: Forge) -> None:
    with forge.database.write() as transaction:
        workspaces.hide(transaction, forge.workspace)


def test_a_provisioned_workspace_is_ready_however_often(forge: Forge) -> None:
    for _ in range(2):
        errands.provision(forge.database, forge.workspace.workspace_id)

    with forge.database.read() as connection:
        assert workspaces.get(connection, USER, "default").status == "ready"


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
