from tests.unit.eventlog.conftest import alice, bob, database

__all__ = ["alice", "bob", "database"]
