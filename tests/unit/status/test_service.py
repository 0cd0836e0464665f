"""The service between a repository and a publisher, both the caller's own."""

from collections.abc import Mapping
from typing import Any

import pytest

from headrace.status import DocumentProcessingStatus, StatusRepository, StatusService, WorkspaceStatus


class Recorded(StatusRepository[dict[str, Any], dict[str, Any]]):
    """Knows the document `known` and the workspace `known`."""

    def update_document_status(self, document_id, status, error=None, chunk_count=None, metadata=None):
        return {"id": document_id, "status": status} if document_id == "known" else None

    def update_workspace_status(self, workspace_id, status, message=None):
        return {"id": workspace_id, "status": status} if workspace_id == "known" else None


class Collecting:
    def __init__(self) -> None:
        self.sent: list[tuple[str, Mapping[str, Any]]] = []

    def publish(self, routing_key: str, message: Mapping[str, Any]) -> None:
        self.sent.append((routing_key, message))


class Broken:
    def publish(self, routing_key: str, message: Mapping[str, Any]) -> None:
        raise ConnectionError("nobody there")


def test_the_words_are_strings_in_the_order_of_a_life() -> None:
    assert list(DocumentProcessingStatus) == ["pending", "processing", "ready", "failed"]
    assert list(WorkspaceStatus) == ["provisioning", "ready", "error"]


def test_a_repository_has_to_be_written_before_it_is_used() -> None:
    with pytest.raises(TypeError, match="abstract"):
        StatusRepository()  # type: ignore[abstract]


def test_what_the_repository_gives_back_is_ok() -> None:
    service = StatusService(Recorded())

    assert service.update_document_status("known", DocumentProcessingStatus.READY).unwrap()["status"] == "ready"
    assert service.update_workspace_status("known", WorkspaceStatus.ERROR).unwrap()["status"] == "error"


@pytest.mark.parametrize("unknown", ["other", 999, None, "\0"])
def test_what_the_repository_does_not_know_is_an_error_and_is_not_published(unknown: Any) -> None:
    publisher = Collecting()
    service = StatusService(Recorded(), publisher)

    assert "not found" in service.update_document_status(unknown, DocumentProcessingStatus.READY).error
    assert "not found" in service.update_workspace_status(unknown, WorkspaceStatus.READY).error
    assert publisher.sent == []


def test_a_report_is_published_under_the_routing_key_of_its_event() -> None:
    publisher = Collecting()
    service = StatusService(Recorded(), publisher)

    service.update_document_status("known", DocumentProcessingStatus.FAILED, error="no text in it")
    service.update_workspace_status("known", WorkspaceStatus.READY, message="fine")

    assert [key for key, _ in publisher.sent] == ["document.status.updated", "workspace.status.updated"]
    assert publisher.sent[0][1]["status"] == "failed"
    assert publisher.sent[0][1]["error"] == "no text in it"
    assert publisher.sent[1][1]["message"] == "fine"


def test_a_publisher_that_fails_does_not_fail_the_report(caplog: pytest.LogCaptureFixture) -> None:
    result = StatusService(Recorded(), Broken()).update_document_status("known", DocumentProcessingStatus.READY)

    assert result.is_ok()
    assert "could not be published" in caplog.text
