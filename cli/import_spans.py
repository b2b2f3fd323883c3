"""``everyspan import``: OTLP in files, into a running ingest."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import time
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from cli.console import console, plain_errors
from service.errors import UserError

#: What a request holds at the most, but for a single line that is longer.
_BATCH_BYTES = 4 << 20
_TRIES = 8
_SECONDS = 120
_PATHS = {b"resourceSpans": "/v1/traces", b"resourceLogs": "/v1/logs"}
_BEFORE_KEY = 64


class ImportFailedError(UserError):
    """A file can't be read, or ingest does not take it."""


def import_spans(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="JSON lines as a Collector's file exporter writes them, OTLP/JSON or OTLP protobuf"
            " (.pb), each also with .gz."
        ),
    ],
    endpoint: Annotated[str, typer.Option(help="Address of ingest.")] = "http://127.0.0.1:4318",
    token: Annotated[
        str, typer.Option(help="EVERYSPAN_INGEST_TOKEN of that ingest.", show_default=False)
    ] = "",
) -> None:
    """Send files of spans and logs to a running ingest."""
    token = token or os.environ.get("EVERYSPAN_INGEST_TOKEN", "")
    with plain_errors():
        for file in files:
            sent = refused = 0
            for path, content_type, body in _requests(file):
                message = _post(endpoint, path, content_type, body, token)
                sent += len(body)
                refused += _refused(message)
                if said := message.get("errorMessage"):
                    console.print(f"{file}: {said}", markup=False)
            note = f", {refused} spans or records rejected" if refused else ""
            console.print(f"{file}: {sent} bytes sent{note}", markup=False)


def _requests(file: Path) -> Iterator[tuple[str, str, bytes]]:
    """(path, content type, body) of each request that the file is sent in."""
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            name = file.name.removesuffix(".gz")
            if name.endswith((".pb", ".bin", ".proto")):
                path = "/v1/logs" if "logs" in name else "/v1/traces"
                yield path, "application/x-protobuf", stream.read()
                return
            yield from _of_lines(stream)
    except (OSError, EOFError, zlib.error) as error:
        # The latter two: a .gz that was cut or altered.
        raise ImportFailedError(f"{file} can't be read: {error}; name a file of OTLP") from error


def _of_lines(lines: Iterable[bytes]) -> Iterator[tuple[str, str, bytes]]:
    batches: dict[str, list[bytes]] = {}
    sizes: dict[str, int] = {}
    whole: list[bytes] = []
    for line in lines:
        line = line.strip()
        if not line:
            continue
        path = next((p for key, p in _PATHS.items() if key in line[:_BEFORE_KEY]), "")
        if not path or not line.endswith(b"}"):
            whole.append(line)  # one document over several lines, or what is neither
            continue
        if sizes.get(path, 0) + len(line) > _BATCH_BYTES and path in batches:
            yield path, "application/x-ndjson", b"\n".join(batches.pop(path))
            sizes[path] = 0
        batches.setdefault(path, []).append(line)
        sizes[path] = sizes.get(path, 0) + len(line)
    for path, batch in batches.items():
        yield path, "application/x-ndjson", b"\n".join(batch)
    document = b"\n".join(whole)
    for key, path in _PATHS.items():
        if key in document:
            yield path, "application/json", document


def _post(
    endpoint: str, path: str, content_type: str, body: bytes, token: str
) -> dict[str, object]:
    """The partial success of the answer. Tries again where ingest asks for it."""
    try:
        place = urlsplit(endpoint if "//" in endpoint else f"http://{endpoint}")
        secure = place.scheme == "https"
        port = place.port or (443 if secure else 4318)
    except ValueError as error:
        raise ImportFailedError(
            f"--endpoint {endpoint} is no address: {error}; write http://HOST:PORT"
        ) from error
    connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    headers = {"content-type": content_type, "content-encoding": "gzip"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    packed = gzip.compress(body, 1)
    for attempt in range(_TRIES):
        connection = connect(place.hostname or "127.0.0.1", port, timeout=_SECONDS)
        try:
            connection.request("POST", place.path.rstrip("/") + path, packed, headers)
            answer = connection.getresponse()
            text = answer.read()
        except OSError as error:
            raise ImportFailedError(
                f"nothing answers at {endpoint} ({error}); start `everyspan up`, or name --endpoint"
            ) from error
        except http.client.HTTPException as error:
            raise _no_ingest(endpoint, error) from error
        finally:
            connection.close()
        if answer.status in (429, 503):
            time.sleep(float(answer.headers.get("retry-after") or 1) * (attempt + 1))
            continue
        if answer.status != 200:
            said = text.decode("utf-8", "replace")[:500]
            raise ImportFailedError(f"ingest answers {answer.status}: {said}")
        if "json" not in content_type:
            return {}
        try:
            found = json.loads(text or b"{}")
        except ValueError as error:
            raise _no_ingest(endpoint, error) from error
        success = found.get("partialSuccess") if isinstance(found, dict) else None
        return success if isinstance(success, dict) else {}
    raise ImportFailedError(
        f"ingest at {endpoint} is too busy: it asked {_TRIES} times to try again; try later"
    )


def _no_ingest(endpoint: str, error: Exception) -> ImportFailedError:
    return ImportFailedError(
        f"what answers at {endpoint} is no ingest ({error!r}); name its port for HTTP in --endpoint"
    )


def _refused(success: dict[str, object]) -> int:
    counts = (success.get(key) for key in ("rejectedSpans", "rejectedLogRecords"))
    return sum(int(str(count)) for count in counts if count)
