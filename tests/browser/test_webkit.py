"""The page in WebKit."""

from tests.browser.scenarios import Scenarios

ENGINE = "webkit"


class TestWebKit(Scenarios):
    """Every scenario."""
