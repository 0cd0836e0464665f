"""The only writer of state: a change and the event that reports it commit together, in one database."""
