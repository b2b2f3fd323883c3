"""Runs ASGI applications and their companions on one event loop until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import uvicorn

from service.caller import Gate

_GRACE_SECONDS = 10


class AddressInUseError(Exception):
    """An address can't be listened on; the text names the service and the setting to change."""


class Gated(Protocol):
    """An ASGI application that asks every caller who it is."""

    @property
    def gate(self) -> Gate: ...

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


@dataclass(frozen=True)
class Site:
    """One application, where it listens, and the setting that says so. Port 0 takes a free one.

    Raises ExposedError when made where the application lets in everybody who can reach it.
    """

    name: str
    app: Gated
    host: str
    port: int
    setting: str

    def __post_init__(self) -> None:
        self.app.gate.check_listening(self.host)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # One handler for all the servers of the process, below.
        yield


async def serve(
    sites: Sequence[Site],
    *,
    start: Callable[[], Awaitable[None]],
    stop: Callable[[], Awaitable[None]],
    ready: Callable[[dict[str, int]], None],
) -> None:
    """Listen, ``start`` the rest, call ``ready`` (site name to port), wait for SIGTERM or SIGINT,
    finish the requests in progress, ``stop`` the rest.

    Raises AddressInUseError before anything has started.
    """
    listening = {site.name: _listen(site) for site in sites}
    ports = {name: int(sock.getsockname()[1]) for name, sock in listening.items()}
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    servers: list[_Server] = []
    running: list[asyncio.Task[None]] = []
    try:
        await start()
        for site in sites:
            server = _Server(
                uvicorn.Config(
                    site.app,
                    log_config=None,
                    access_log=False,
                    lifespan="on",
                    timeout_graceful_shutdown=_GRACE_SECONDS,
                    server_header=False,
                    # Or who calls would be what X-Forwarded-For says.
                    proxy_headers=False,
                    ws="none",
                )
            )
            servers.append(server)
            running.append(asyncio.create_task(server.serve([listening[site.name]])))
        waiting = asyncio.create_task(ended.wait())
        while not all(server.started for server in servers):
            done, _ = await asyncio.wait([*running, waiting], timeout=0.02)
            if done:
                break
        else:
            ready(ports)
        await asyncio.wait([*running, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
    finally:
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*running, return_exceptions=True)
        await stop()
        for sock in listening.values():
            sock.close()


def _listen(site: Site) -> socket.socket:
    family = socket.AF_INET6 if ":" in site.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((site.host, site.port))
        sock.listen(2048)
    except OSError as error:
        sock.close()
        raise AddressInUseError(
            f"{site.name} can't listen on {site.host}:{site.port} ({error.strerror}); stop what "
            f"listens there or set {site.setting}"
        ) from error
    sock.setblocking(False)
    return sock
