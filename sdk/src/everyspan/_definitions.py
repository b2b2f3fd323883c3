"""Where experiments are defined, and a copy of it that is never further away than memory.

A TOML file, or ClickHouse over HTTP (what `everyspan experiment start` stored). It is read at
`init`, and again in the background, on a thread that lives as long as the reading; the agent never
waits for it. What can't be read leaves the last good copy in force.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from opentelemetry import context as otel_context
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY  # the API has no public name

from everyspan._assignment import Experiment, read_experiment

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

logger = logging.getLogger("everyspan")

#: Seconds until a copy is read anew.
REFRESH_SECONDS = 30.0
_TIMEOUT_SECONDS = 5.0
_FIRST_TIMEOUT_SECONDS = 2.0

#: The form of a project's key, as a password of ClickHouse's port.
_KEY = re.compile(r"es_[0-9a-f]{8}_[A-Za-z0-9_-]{43}")

Experiments = Mapping[str, Experiment]


class Definitions:
    """`source`: path of a TOML file, URL of ClickHouse's HTTP port, or '' for no experiments."""

    def __init__(self, source: str, refresh_seconds: float = REFRESH_SECONDS) -> None:
        """Raises ValueError for a file that can't be used. ClickHouse may come later."""
        self.source = source
        self._refresh_seconds = refresh_seconds
        self._experiments: Experiments = {}
        self._reading = threading.Lock()
        self._next = float("inf")
        self._trouble = ""
        if not source:
            return
        self._next = time.monotonic() + refresh_seconds
        if _is_url(source):
            self._refresh(_FIRST_TIMEOUT_SECONDS)
        else:
            self._experiments = read_file(Path(source))

    def find(self, name: str) -> Experiment | None:
        """From memory; starts a reading where the copy is old. Never raises."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._refresh_seconds
            try:
                threading.Thread(
                    target=self._refresh, name="everyspan-experiments", daemon=True
                ).start()
            except RuntimeError:  # no more threads, or the interpreter is ending
                logger.debug("everyspan: experiments not read again", exc_info=True)
        return self._experiments.get(name)

    def _refresh(self, timeout: float = _TIMEOUT_SECONDS) -> None:
        if not self._reading.acquire(blocking=False):
            return
        try:
            if _is_url(self.source):
                found = read_clickhouse(self.source, timeout, self._experiments)
            else:
                found = read_file(Path(self.source))
        except Exception as error:  # whatever is wrong there, the last copy is in force
            if self._trouble != str(error):
                self._trouble = str(error)
                logger.warning("everyspan: experiments stay as they were: %s", error)
        else:
            self._experiments, self._trouble = found, ""
        finally:
            self._reading.release()


def _is_url(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def read_file(path: Path) -> Experiments:
    """The tables below `experiment` of a TOML file. Raises ValueError naming file and field."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(
            f"experiments: {path} can't be read ({error.strerror}); "
            "correct EVERYSPAN_EXPERIMENTS or init(experiments=…)"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"experiments: {path} is no TOML: {error}") from error
    tables = document.get("experiment", {})
    if not isinstance(tables, Mapping) or not all(isinstance(t, Mapping) for t in tables.values()):
        raise ValueError(f"experiments: {path}: write each as a table [experiment.NAME]")
    if not tables:  # also a file that is just being written
        raise ValueError(f"experiments: {path} defines none; write a table [experiment.NAME]")
    try:
        return {name: read_experiment(name, table) for name, table in tables.items()}
    except ValueError as error:
        raise ValueError(f"experiments: {path}: {error}") from error


def read_clickhouse(url: str, timeout: float, last: Experiments) -> Experiments:
    """What the view `experiments` holds; one that makes no sense keeps its `last` meaning.

    `url`: `http://user:password@host:8123/?database=everyspan`. Raises OSError and ValueError.
    """
    parts = urlsplit(url)
    database = parse_qs(parts.query).get("database", ["everyspan"])[0]
    if not database.replace("_", "").isalnum():
        raise ValueError(f"database={database!r} is no name")
    sql = f"SELECT name, definition, status, winner FROM {database}.experiments FORMAT JSONEachRow"
    host = parts.netloc.rpartition("@")[2]
    request = urllib.request.Request(  # noqa: S310 - http or https, see _is_url
        f"{parts.scheme}://{host}{parts.path or '/'}?{urlencode({'query': sql})}"
    )
    if parts.username:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        encoded = base64.b64encode(secret.encode()).decode()
        request.add_header("Authorization", f"Basic {encoded}")
    try:
        body = _untraced(lambda: _body(request, timeout))
    except OSError as error:
        raise OSError(f"{parts.scheme}://{host} does not answer as ClickHouse ({error})") from error
    found: dict[str, Experiment] = {}
    for line in body.splitlines():
        row = json.loads(line)
        name = str(row["name"])
        if _KEY.fullmatch(unquote(parts.password or "")):
            # It reads one project's, which are 'alpha/checkout' there and 'checkout' in its code.
            name = name.rpartition("/")[2]
        try:
            definition = json.loads(row["definition"])
            state = {"status": row["status"], "winner": row["winner"]}
            found[name] = read_experiment(name, {**definition, **state})
        except (ValueError, AttributeError, TypeError) as error:
            logger.warning("everyspan: %s", error)
            if name in last:
                found[name] = last[name]
    return found


def _body(request: urllib.request.Request, timeout: float) -> str:
    with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310
        return str(answer.read().decode())


def _untraced(work: Callable[[], str]) -> str:
    """Reading definitions is no step of the agent."""
    token = otel_context.attach(otel_context.set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
    try:
        return work()
    finally:
        otel_context.detach(token)
