"""Runs ASGI applications and their companions on one event loop until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, runtime_checkable

import uvicorn

from service.caller import Gate
from service.deadline import Deadline
from service.errors import UserError
from service.http_protocol import ConnectionLimits, LimitedProtocol, Waiting
from service.tls import Tls

log = logging.getLogger(__name__)

# Requests in progress get so long at the end. The whole end has a deadline too.
_GRACE_SECONDS = 3
_OPEN_FILES = 16_384
#: Between two looks at a certificate, ten a second.
_RENEW_TICKS = 100


class AddressInUseError(UserError):
    """An address can't be listened on; the text names the service and the setting to change."""


class ServerEndedError(UserError):
    """A server ended by itself, and with it all of the process."""


class Gated(Protocol):
    """Asks every caller who it is."""

    @property
    def gate(self) -> Gate: ...


class Application(Gated, Protocol):
    """An ASGI application."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


@runtime_checkable
class Listener(Gated, Protocol):
    """Answers a listening socket by itself, in processes of its own for example."""

    async def start(self, listener: socket.socket) -> None: ...

    async def stop(self) -> None: ...


@dataclass(frozen=True)
class Site:
    """An ASGI application or `Listener`, where it listens, and the setting that says so. Port 0
    takes a free one.

    Raises ExposedError when made where it lets in everybody who can reach it.
    """

    name: str
    app: Application | Listener
    host: str
    port: int
    setting: str
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    tls: Tls | None = None

    def __post_init__(self) -> None:
        self.app.gate.check_listening(self.host)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, tls: Tls | None) -> None:
        super().__init__(config)
        self._tls = tls
        if tls is not None:
            config.load()
            config.ssl = tls.context

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # One handler for all the servers of the process, below.
        yield

    async def on_tick(self, counter: int) -> bool:
        # Ten a second.
        if counter % 10 == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                assert isinstance(connection, LimitedProtocol)
                try:
                    connection.sweep(now)
                except Exception:
                    # One connection's trouble is never that of all.
                    log.exception("a connection is cut")
                    connection.transport.abort()
        if self._tls is not None and counter % _RENEW_TICKS == 0:
            self._tls.renew()
        return await super().on_tick(counter)


async def _nothing() -> None:
    """Nothing is waited for."""


async def serve(
    sites: Sequence[Site],
    *,
    open: Callable[[], Awaitable[None]] = _nothing,
    start: Callable[[], Awaitable[None]],
    stop: Callable[[], Awaitable[None]],
    ready: Callable[[dict[str, int]], None],
) -> None:
    """Listen, ``open`` what must be there, ``start`` the rest, call ``ready`` (site name to port),
    wait for SIGTERM or SIGINT, finish the requests in progress, ``stop`` the rest: within
    `deadline.SECONDS`, or the process ends without. A signal ends the wait of ``open``, too, and
    nothing is started then.

    Raises AddressInUseError before anything has started, and ServerEndedError where a server ended
    before the signal.
    """
    _raise_file_limit()
    listening = {site.name: _listen(site) for site in sites}
    ports = {name: int(sock.getsockname()[1]) for name, sock in listening.items()}
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    deadline = Deadline()

    def end(number: int) -> None:
        deadline.begin(number)
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number)
    listeners = [
        (site.app, listening[site.name]) for site in sites if isinstance(site.app, Listener)
    ]
    applications = [site for site in sites if not isinstance(site.app, Listener)]
    servers: list[uvicorn.Server] = []
    running: list[asyncio.Task[None]] = []
    waiting = asyncio.create_task(ended.wait())
    try:
        opening = asyncio.ensure_future(open())
        await asyncio.wait([opening, waiting], return_when=asyncio.FIRST_COMPLETED)
        if not opening.done():
            opening.cancel()
            return
        await opening
        await start()
        for listener, sock in listeners:
            await listener.start(sock)
        for site in applications:
            server = server_of(site)
            servers.append(server)
            running.append(asyncio.create_task(server.serve([listening[site.name]])))
        while not all(server.started for server in servers):
            done, _ = await asyncio.wait([*running, waiting], timeout=0.02)
            if done:
                break
        else:
            deadline.stage = "running"
            ready(ports)
        await asyncio.wait([*running, waiting], return_when=asyncio.FIRST_COMPLETED)
        early = [(s, t) for s, t in zip(applications, running, strict=True) if t.done()]
    finally:
        waiting.cancel()
        deadline.stage = "finishing requests"
        for server in servers:
            server.should_exit = True
        leaving = [listener.stop() for listener, _ in listeners]
        await asyncio.gather(*running, *leaving, return_exceptions=True)
        deadline.stage = "finishing work in progress"
        await stop()
        deadline.stage = "closing"
        for sock in listening.values():
            sock.close()
    if not ended.is_set():
        raise ServerEndedError(_told(early))


def _told(early: Sequence[tuple[Site, asyncio.Task[None]]]) -> str:
    """Of servers that ended by themselves."""
    for site, task in early:
        log.error("%s ended by itself", site.name, exc_info=task.exception())
    return (
        f"{' and '.join(site.name for site, _ in early)} ended though nobody asked for it, and all"
        " services with it; what was acknowledged is stored. Start again, and report the log"
    )


def server_of(site: Site) -> uvicorn.Server:
    """Not started. Its ``serve`` takes the sockets to listen on."""
    return _Server(
        uvicorn.Config(
            site.app,  # type: ignore[arg-type]  # a Listener has no server
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=_GRACE_SECONDS,
            server_header=False,
            # Or who calls would be what X-Forwarded-For says.
            proxy_headers=False,
            ws="none",
            http=partial(  # type: ignore[arg-type]  # any maker of a protocol will do
                LimitedProtocol, limits=site.limits, waiting=Waiting()
            ),
            limit_concurrency=site.limits.connections + 1,
            timeout_keep_alive=site.limits.idle_seconds,
        ),
        site.tls,
    )


def _raise_file_limit() -> None:
    """Many systems start a process with 1,024 files, which connections alone may need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


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
