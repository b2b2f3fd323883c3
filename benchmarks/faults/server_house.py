"""``everyspan ingest`` and ``everyspan classify`` on a ClickHouse server, by way of a proxy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from benchmarks.faults.house import House
from benchmarks.faults.moments import until
from benchmarks.faults.proxy import Proxy
from benchmarks.faults.scene import Broken, Scene, side_house
from tests.everyspan_up import begun


@dataclass
class ServerHouse(House):
    """``process`` is ingest; the others beside it. Asked directly, the proxy left out."""

    proxy: Proxy | None = None
    server: subprocess.Popen[bytes] | None = None
    classify: subprocess.Popen[bytes] | None = None
    settings: dict[str, str] = field(default_factory=dict)

    def launch(self) -> None:
        """ClickHouse first."""
        self.launch_server()
        assert self.proxy is not None
        dsn = f"http://127.0.0.1:{self.proxy.port}"
        ports = self.ports
        common = [f"--clickhouse-dsn={dsn}", "--host=127.0.0.1"]
        self.process = self._begun(
            *("cli.main", "ingest", *common),
            *(f"--otlp-http-port={ports['otlp-http']}", f"--otlp-grpc-port={ports['otlp-grpc']}"),
        )
        self.classify = self._begun(
            "cli.main", "classify", *common, f"--classify-port={ports['classify']}"
        )

    def launch_server(self) -> None:
        """On the port that it always has."""
        self.data.mkdir(parents=True, exist_ok=True)
        directory = self.data / "clickhouse"
        self.server = self._begun(
            "benchmarks.faults.clickhouse_server", str(directory), str(self.ports["clickhouse"])
        )

    def kill_server(self) -> None:
        assert self.server is not None
        self.server.kill()
        self.server.wait()

    def kill(self) -> None:
        for process in (self.process, self.classify, self.server):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()

    def not_ready(self) -> str:
        """ingest and classify."""
        try:
            for port in ("otlp-http", "classify"):
                answer = self.request("GET", "/readyz", port=port, timeout=8)
                if answer.status != 200:
                    return f"{port} /readyz: {answer.status} {answer.body[:200].decode()}"
        except OSError as error:
            return f"{type(error).__name__}: {error}"
        return ""

    def _begun(self, *command: str) -> subprocess.Popen[bytes]:
        own = self.own | {"EVERYSPAN_DATA": str(self.data)}
        return begun([sys.executable, "-m", *command], self._log, own)


@contextmanager
def server_house(scene: Scene) -> Iterator[tuple[Scene, ServerHouse, Proxy]]:
    """A side house in server mode, started and settled once."""
    with side_house(scene) as side:
        plain = side.house
        proxy = Proxy(plain.ports["clickhouse"], Random(side.random.random()))
        house = ServerHouse(plain.data, plain.ports, own=plain.own, proxy=proxy)
        side.house = house
        try:
            side.house.launch()
            if wrong := house.recovers(side.patience.start):
                raise Broken(f"stuck: server mode is not ready: {wrong}")
            side.traffic.go()
            side.wait(1, 2)
            side.settle()
            side.traffic.go()
            yield side, house, proxy
            proxy.mood = "ok"
            if wrong := house.recovers(side.patience.recover):
                raise Broken(f"stuck: not ready after ClickHouse was back: {wrong}")
            side.settle()
        finally:
            proxy.mood = "ok"
            house.kill()
            proxy.close()


def is_there(house: ServerHouse, seconds: float) -> bool:
    """Whether ClickHouse answers in time."""

    def answers() -> bool:
        try:
            return bool(house.query("SELECT 1 AS one"))
        except (OSError, AssertionError):
            return False

    return until(answers, seconds, 0.1)
