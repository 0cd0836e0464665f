"""The page in Firefox."""

from tests.browser.scenarios import Scenarios

ENGINE = "firefox"


class TestFirefox(Scenarios):
    """Every scenario."""
