"""A graph worker of your own: reports on a whole workspace while it builds something over all of its documents."""

import os
import sys

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from headrace.messaging import RabbitMQPublisher
from headrace.status import SqlStatusRepository, StatusService, WorkspaceStatus


def main(workspace_id: str, names: list[str]) -> int:
    """Connect every name with every other."""
    engine = create_engine(os.environ["DATABASE_URL"])
    with (
        Session(engine) as session,
        RabbitMQPublisher(os.environ["RABBITMQ_URL"], os.environ["RABBITMQ_EXCHANGE"]) as publisher,
    ):
        status = StatusService(SqlStatusRepository(session))
        begun = status.update_workspace_status(workspace_id, WorkspaceStatus.PROVISIONING, message="building the graph")
        if begun.is_err():
            sys.stderr.write(f"{begun.error}\n")
            return 1
        edges = [(one, other) for one in names for other in names if one < other]
        publisher.publish("workspace.graph.built", {"workspace_id": workspace_id, "edges": edges})
        status.update_workspace_status(workspace_id, WorkspaceStatus.READY, message=f"a graph of {len(edges)} edges")
    engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
