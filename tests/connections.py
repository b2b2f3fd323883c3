"""Connections that end badly."""

from __future__ import annotations

import contextlib
import socket
import struct


def reset(connection: socket.socket) -> None:
    """Close it so that the other side sees "connection reset by peer"."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
