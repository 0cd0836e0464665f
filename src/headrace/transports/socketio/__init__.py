"""Socket.IO: a user's stream as named events, over WebSocket and HTTP polling. The protocol is python-socketio's."""

from headrace.transports.socketio.wire import SocketIO

__all__ = ["SocketIO"]
