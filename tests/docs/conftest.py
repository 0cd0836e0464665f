"""The servers that the tests of this folder may ask for."""

from tests.running import server, shared_server

__all__ = ["server", "shared_server"]
