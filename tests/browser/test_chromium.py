"""The page in Chromium."""

from tests.browser.scenarios import Scenarios

ENGINE = "chromium"


class TestChromium(Scenarios):
    """Every scenario."""
