"""One file per wire to a connected watcher. Raw ASGI, in front of any framework; each is a loop over the hub's log."""
