"""A TCP proxy with moods: slow, away, silent, or cutting answers off."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from random import Random

from tests.connections import reset

_SLOW_SECONDS = 0.4


class Proxy:
    """``mood``: 'ok'; 'away' resets every connection, 'slow' delays every answer, 'hang' passes
    nothing on, 'cut' passes the request on and resets before or within the answer. ``listen``: its
    own port, 0 for a free one."""

    def __init__(self, port: int, random: Random, listen: int = 0) -> None:
        self.mood = "ok"
        self._target = port
        self._random = random
        self._listener = socket.create_server(("127.0.0.1", listen), backlog=200)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.mood = "away"
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.mood == "away":
                reset(client)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
                server.settimeout(None)
            except OSError:
                reset(client)
                continue
            for source, sink, answers in ((client, server, False), (server, client, True)):
                threading.Thread(
                    target=self._pass, args=(source, sink, answers), daemon=True
                ).start()

    def _pass(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                while self.mood == "hang":
                    time.sleep(0.05)
                if self.mood == "away":
                    break
                if answers and self.mood == "slow":
                    time.sleep(self._random.uniform(0, 2 * _SLOW_SECONDS))
                if answers and self.mood == "cut":
                    sink.sendall(data[: self._random.randrange(len(data))])
                    break
                sink.sendall(data)
        for each in (source, sink):
            _end(each)


def _end(connection: socket.socket) -> None:
    """Its other thread, which reads it, wakes up."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    reset(connection)
