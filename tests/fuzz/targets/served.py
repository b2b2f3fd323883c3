"""The ingest service in this process, on real ports, for the targets that speak to them."""

from __future__ import annotations

import asyncio
import http.client
import logging
import threading
from functools import cache

import uvicorn
from pydantic import SecretStr

from ingest.app import create_app
from ingest.grpc_server import GrpcServer
from ingest.receiver import Receiver
from ingest.settings import IngestSettings
from tests.fuzz.targets import BrokenPromise, engine


class Served:
    """``http`` and ``grpc`` are its ports."""

    def __init__(self) -> None:
        self.http = 0
        self.grpc = 0
        self.complaints = Complaints()
        self.receiver: Receiver
        self._up = threading.Event()
        logging.getLogger().addHandler(self.complaints)
        threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True).start()
        if not self._up.wait(180):
            raise BrokenPromise("the service does not start")

    async def _run(self) -> None:
        settings = IngestSettings(
            data=engine.directory(),
            retention_days=3650,
            ingest_workers=0,
            max_body_bytes=1 << 20,
            max_decompressed_bytes=4 << 20,
            insert_age_ms=1,
            ingest_token=SecretStr(""),
        )
        engine.settings()
        self.receiver = Receiver(settings)
        await self.receiver.start()
        rpc = GrpcServer(self.receiver, "127.0.0.1", 0)
        await rpc.start()
        self.grpc = rpc.port
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(self.receiver), host="127.0.0.1", port=0, log_config=None, ws="none"
            )
        )
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        task = asyncio.create_task(server.serve())
        while not server.started or await self.receiver.ready():
            await asyncio.sleep(0.02)
        self.http = server.servers[0].sockets[0].getsockname()[1]
        self._up.set()
        await task

    def check_alive(self) -> None:
        """It answers, and has not complained of itself. Raises BrokenPromise."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=20)
        connection.request("GET", "/healthz")
        if connection.getresponse().status != 200:
            raise BrokenPromise("/healthz is not well")
        connection.close()
        self.complaints.check()


class Complaints(logging.Handler):
    """Stack traces in the log: something that nobody thought of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self._found.append(f"{record.getMessage()}: {record.exc_info[1]!r}")

    def check(self) -> None:
        """Raises BrokenPromise."""
        if self._found:
            told, self._found = self._found[0], []
            raise BrokenPromise(f"a stack trace in the log: {told}")


@cache
def served() -> Served:
    """One for the process."""
    return Served()
