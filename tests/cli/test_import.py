"""``everyspan import``: what a Collector's file exporter wrote reaches the table."""

from __future__ import annotations

import gzip
import socketserver
import subprocess
import threading
from pathlib import Path

import pytest

from cli.import_spans import _BATCH_BYTES, ImportFailedError, _of_lines, _post, _requests
from tests.cli.command import everyspan
from tests.everyspan_up import Up
from tests.ingest.otlp_payloads import request, span, trace_id
from tests.ingest.test_otlp_http import as_json


def _line(trace: bytes) -> bytes:
    return as_json(request(span(trace))).replace(b"\n", b"")


def _run(up: Up, *files: Path) -> subprocess.CompletedProcess[str]:
    endpoint = f"http://127.0.0.1:{up.ports['otlp-http']}"
    return everyspan("import", *map(str, files), "--endpoint", endpoint)


def test_json_lines_protobuf_and_gzip(up: Up, tmp_path: Path) -> None:
    traces = [trace_id() for _ in range(4)]
    lines = tmp_path / "collector.jsonl"
    lines.write_bytes(_line(traces[0]) + b"\n" + _line(traces[1]) + b"\n")
    packed = tmp_path / "more.json.gz"
    packed.write_bytes(gzip.compress(_line(traces[2])))
    protobuf = tmp_path / "spans.pb"
    protobuf.write_bytes(request(span(traces[3])).SerializeToString())
    done = _run(up, lines, packed, protobuf)
    assert done.returncode == 0, done.stderr
    up.sent()
    for trace in traces:
        assert len(up.spans(trace.hex(), "span_id")) == 1


ODD = b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": 7}]}]}]}'


def test_what_ingest_says_is_told(up: Up, tmp_path: Path) -> None:
    file = tmp_path / "odd.jsonl"
    file.write_bytes(ODD)
    done = _run(up, file)
    assert done.returncode != 0
    assert "ingest answers 400" in done.stdout + done.stderr


def test_a_file_that_was_cut_is_named(tmp_path: Path) -> None:
    file = tmp_path / "cut.jsonl.gz"
    file.write_bytes(gzip.compress(_line(trace_id()))[:-20])
    with pytest.raises(ImportFailedError, match=r"cut\.jsonl\.gz can't be read"):
        list(_requests(file))


@pytest.mark.parametrize("endpoint", ["http://h:four", "h:99999", "http://[::1", "http://h℀"])
def test_an_endpoint_that_is_none_is_named(endpoint: str) -> None:
    with pytest.raises(ImportFailedError, match=r"--endpoint .* is no address"):
        _post(endpoint, "/v1/traces", "application/json", b"{}", "")


@pytest.mark.parametrize(
    "answer",
    [b"\0\0\x18\4\0\0\0\0\0", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"],
    ids=["gRPC", "a page"],
)
def test_what_answers_and_is_no_ingest(answer: bytes) -> None:
    class Other(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            lines = iter(self.rfile.readline, b"\r\n")
            lengths = [line for line in lines if line.lower().startswith(b"content-length:")]
            self.rfile.read(int(lengths[0].split(b":")[1]))
            self.wfile.write(answer)

    with socketserver.TCPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        with pytest.raises(ImportFailedError, match="is no ingest"):
            _post(endpoint, "/v1/traces", "application/json", b"{}", "")


def test_batches_are_bounded_and_lose_no_line() -> None:
    lines = [b'{"resourceSpans":[%d,"' % n + b"x" * 100_000 + b'"]}' for n in range(100)]
    batches = list(_of_lines(lines))
    assert len(batches) > 1
    assert all(len(body) <= _BATCH_BYTES + 100_200 for _, _, body in batches)
    assert [line for _, _, body in batches for line in body.splitlines()] == lines


def test_one_document_over_many_lines() -> None:
    document = [b"{", b'"resourceSpans": [', b"]", b"}"]
    assert list(_of_lines(document)) == [("/v1/traces", "application/json", b"\n".join(document))]
