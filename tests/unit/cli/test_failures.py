import pytest

from headrace.cli.failures import told
from headrace.cli.options import DEFAULT_URL
from headrace.client.errors import ServerUnreachable


def test_who_speaks_to_the_usual_address_is_told_how_a_server_is_started(capsys: pytest.CaptureFixture[str]) -> None:
    for url in (DEFAULT_URL, "http://elsewhere:8011"):
        assert told(ServerUnreachable(url, "connection refused")) == 3

    here, elsewhere = capsys.readouterr().err.splitlines()
    assert here == f"no answer from {DEFAULT_URL}: connection refused (start a server with: headrace serve)"
    assert elsewhere == "no answer from http://elsewhere:8011: connection refused"
