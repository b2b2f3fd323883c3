"""Each service's exact command, with the environment that docker-compose.yml gives it, as a process
on this machine; only ports and the address of ClickHouse are others."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.compose.compose_file import ROOT, services
from tests.everyspan_up import free_ports

SERVICES = services()
PORT = {
    "ingest": "EVERYSPAN_OTLP_HTTP_PORT",
    "classify": "EVERYSPAN_CLASSIFY_PORT",
    "alerting": "EVERYSPAN_ALERTING_PORT",
    "web": "EVERYSPAN_WEB_PORT",
}
PASSWORD = "value-of-CLICKHOUSE_EVERYSPAN_PASSWORD"
#: The page reads as the user who can do nothing else.
USERS = {
    "": f"http://everyspan:{PASSWORD}@clickhouse:8123",
    "web": "http://grafana:value-of-CLICKHOUSE_GRAFANA_PASSWORD@clickhouse:8123",
}
# The image is built without the `embedded` extra.
WITHOUT_EMBEDDED = (
    "import sys; sys.modules.update(chdb=None, pyarrow=None); from cli.main import main; main()"
)


def free_port() -> int:
    return free_ports()["otlp-http"]


def environment(name: str, dsn: str = "") -> dict[str, str]:
    """What the container gets. ``dsn``: embedded ClickHouse; none: an address where nobody is."""
    found = {key: str(value) for key, value in SERVICES[name]["environment"].items()}
    for key in found:
        if key.endswith("_PORT"):
            found[key] = str(free_port())
        for mount in SERVICES[name].get("volumes", []):
            source, target, *_ = mount.split(":")
            if source.startswith("./"):
                found[key] = re.sub(rf"(?<![\w.]){target}(?!\w)", str(ROOT / source), found[key])
    address = found["EVERYSPAN_CLICKHOUSE_DSN"]
    assert address == USERS.get(name, USERS[""])
    found["EVERYSPAN_CLICKHOUSE_DSN"] = dsn or address.replace(
        "clickhouse:8123", f"127.0.0.1:{free_port()}"
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"PATH": path, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **found}


def command(name: str, *, embedded: bool) -> list[str]:
    """The command of the service behind the image's entry point, `everyspan`."""
    entry = ["-m", "cli.main"] if embedded else ["-c", WITHOUT_EMBEDDED]
    return [sys.executable, *entry, *SERVICES[name]["command"]]


class Running:
    """A service as a process, its environment and what it wrote."""

    def __init__(self, name: str, given: dict[str, str], folder: Path) -> None:
        self.name = name
        self.environment = given
        self._log = folder / f"{name}.log"
        embedded = given["EVERYSPAN_CLICKHOUSE_DSN"].startswith("chdb")
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                command(name, embedded=embedded),
                cwd=folder,
                env=given,
                stdout=output,
                stderr=output,
            )

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def get(self, path: str) -> tuple[int, str]:
        """Status and body; status 0 while nobody listens."""
        url = f"http://127.0.0.1:{self.environment[PORT[self.name]]}{path}"
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def wait(self, path: str, status: int, seconds: float = 60) -> str:
        """The body once ``path`` answers with ``status``."""
        deadline = time.monotonic() + seconds
        while True:
            found, body = self.get(path)
            if found == status:
                return body
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{path} is {found} {body!r}, not {status}:\n{self.log()}")
            time.sleep(0.1)

    def is_healthy(self) -> bool:
        """Runs the health check of docker-compose.yml as it stands there."""
        kind, *check = SERVICES[self.name]["healthcheck"]["test"]
        assert kind == "CMD"
        return not subprocess.run(
            check, env=self.environment, capture_output=True, timeout=20
        ).returncode

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def running(name: str, folder: Path, dsn: str = "") -> Iterator[Running]:
    service = Running(name, environment(name, dsn), folder)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.process.kill()
            service.process.wait()
    assert PASSWORD not in service.log()


def migrate(given: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    embedded = given["EVERYSPAN_CLICKHOUSE_DSN"].startswith("chdb")
    return subprocess.run(
        command("migrate", embedded=embedded),
        cwd=folder,
        env=given,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_ingest_without_clickhouse_is_alive_and_says_why_it_is_not_ready(tmp_path: Path) -> None:
    with running("ingest", tmp_path) as ingest:
        assert ingest.wait("/healthz", 200)
        reason = ingest.wait("/readyz", 503)
        assert "no ClickHouse answers at http://everyspan:…@127.0.0.1" in reason
        assert not ingest.is_healthy()
        assert ingest.stop() == 0


def test_alerting_is_alive_without_clickhouse(tmp_path: Path) -> None:
    with running("alerting", tmp_path) as alerting:
        assert alerting.wait("/healthz", 200)
        assert alerting.stop() == 0


def test_classify_without_clickhouse_waits_and_says_so(tmp_path: Path) -> None:
    with running("classify", tmp_path) as classify:
        deadline = time.monotonic() + 60
        while "no ClickHouse answers at" not in classify.log():
            assert classify.process.poll() is None, classify.log()
            assert time.monotonic() < deadline, classify.log()
            time.sleep(0.1)
        assert not classify.is_healthy()
        assert classify.stop() == 0
        assert "ending after" not in classify.log(), "the wait ends with the signal"


def test_migrate_without_clickhouse_fails_and_says_what_to_do(tmp_path: Path) -> None:
    ended = migrate(environment("migrate"), tmp_path)
    assert ended.returncode == 1
    assert "no ClickHouse answers at http://everyspan:…@127.0.0.1" in ended.stderr
    assert "EVERYSPAN_CLICKHOUSE_DSN" in ended.stderr
    assert PASSWORD not in ended.stdout + ended.stderr


def test_the_image_has_no_embedded_clickhouse_and_says_so(tmp_path: Path) -> None:
    given = environment("migrate") | {"EVERYSPAN_CLICKHOUSE_DSN": f"chdb://{tmp_path / 'data'}"}
    ended = subprocess.run(
        command("migrate", embedded=False),
        cwd=tmp_path,
        env=given,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1
    assert "everyspan-server[embedded]" in ended.stderr


def test_migrate_twice(tmp_path: Path) -> None:
    given = environment("migrate", f"chdb://{tmp_path / 'data'}")
    first, second = migrate(given, tmp_path), migrate(given, tmp_path)
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert "applied 0001_spans" in first.stdout
    assert "applied" not in second.stdout
    assert "up to date" in second.stdout


@pytest.mark.parametrize("name", PORT)
def test_services_become_ready_and_healthy_and_stop(name: str, tmp_path: Path) -> None:
    dsn = f"chdb://{tmp_path / 'data'}"
    if "migrate" in SERVICES[name].get("depends_on", {}):
        assert migrate(environment("migrate", dsn), tmp_path).returncode == 0
    with running(name, tmp_path, dsn) as service:
        service.wait("/healthz", 200)
        service.wait("/readyz", 200)
        assert service.is_healthy()
        assert service.stop() == 0, service.log()
        assert not service.is_healthy()


def test_ingest_wants_the_token(tmp_path: Path) -> None:
    with running("ingest", tmp_path, f"chdb://{tmp_path / 'data'}") as ingest:
        ingest.wait("/readyz", 200)
        url = f"http://127.0.0.1:{ingest.environment[PORT['ingest']]}/v1/traces"
        headers = {"content-type": "application/x-protobuf"}
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(url, b"", headers), timeout=20)
        assert refused.value.code == 401
        refused.value.close()
        headers["authorization"] = "Bearer value-of-EVERYSPAN_INGEST_TOKEN"
        with urllib.request.urlopen(urllib.request.Request(url, b"", headers), timeout=20) as ok:
            assert ok.status == 200
