"""The embedded ClickHouse HTTP interface over a real socket: curl's, clickhouse-connect's and
clickhouse-go's ways of asking, errors, access and limits."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import socket
import struct
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import clickhouse_connect
import lz4.frame
import pytest
import zstandard
from clickhouse_connect.driver import options as libraries
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.clickhouse.embedded_http_server import Server, serve

HELLO = "SELECT displayName(), version(), revision(), timezone()"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("http") / "data"
    with serve(data, allowed_hosts=["everyspan"]) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With a password, one place, a short queue and small limits."""
    with serve(
        tmp_path_factory.mktemp("guarded") / "data",
        user="grafana",
        password="pässword",
        max_concurrent_queries=1,
        max_waiting_queries=1,
        max_waiting_seconds=0.5,
        max_execution_seconds=10,
        max_result_bytes=1_000_000,
        max_request_bytes=10_000,
    ) as running:
        yield running


AUTH = {"X-ClickHouse-User": "grafana", "X-ClickHouse-Key": "pässword"}


# curl


def test_url_and_body_in_either_place(server: Server) -> None:
    assert server.ask(method="GET", query="SELECT 1").body == b"1\n"
    assert server.ask("SELECT 1").body == b"1\n"
    assert server.ask(" 1 + 2", query="SELECT").body == b"3\n"
    assert server.ask("x' AS s", query="SELECT 'a").body == b"a\\nx\n"


def test_plain_pages(server: Server) -> None:
    assert server.ask(method="GET").body == b"Ok.\n"
    assert server.ask(method="GET", path="/ping").body == b"Ok.\n"
    assert server.ask(method="GET", path="/replicas_status").body == b"Ok.\n"
    assert server.ask(method="HEAD", path="/ping").status == 200
    assert server.ask(method="GET", path="/play").status == 404
    assert server.ask(method="DELETE").status == 405
    assert server.ask(method="OPTIONS").status == 405


@pytest.mark.parametrize(
    ("sql", "default_format", "format_name", "body"),
    [
        ("SELECT 1 AS a", "", "TabSeparated", b"1\n"),
        ("SELECT 1 AS a", "CSVWithNames", "CSVWithNames", b'"a"\n1\n'),
        ("SELECT 1 AS a FORMAT JSONEachRow", "CSV", "JSONEachRow", b'{"a":1}\n'),
        ("SELECT 1 AS a format jsoneachrow ;\n", "CSV", "JSONEachRow", b'{"a":1}\n'),
        ("SELECT 'x FORMAT JSON'", "", "TabSeparated", b"x FORMAT JSON\n"),
        ("SELECT 1 -- FORMAT JSON", "", "TabSeparated", b"1\n"),
        ("SELECT 1 AS format", "", "TabSeparated", b"1\n"),
        ("SHOW TABLES FORMAT TSVWithNames", "", "TSVWithNames", b"name\nspans\nspans_raw\n"),
        ("SELECT 1 FORMAT Null", "", "Null", b""),
        ("SELECT 1 AS a FORMAT CSV SETTINGS max_threads = 1", "", "CSV", b"1\n"),
        ("SELECT 1 AS a SETTINGS max_threads = 1 FORMAT CSV", "", "CSV", b"1\n"),
    ],
)
def test_format(
    server: Server, sql: str, default_format: str, format_name: str, body: bytes
) -> None:
    url = {"default_format": default_format} if default_format else {}
    answer = server.ask(sql, **url)
    assert answer.body == body
    assert answer.headers["x-clickhouse-format"] == format_name


def test_json_and_content_type(server: Server) -> None:
    answer = server.ask("SELECT span_id FROM everyspan.spans ORDER BY 1 LIMIT 2 FORMAT JSON")
    assert answer.headers["content-type"] == "application/json; charset=UTF-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert json.loads(answer.body)["rows"] == 2
    assert int(json.loads(answer.headers["x-clickhouse-summary"])["read_rows"]) > 0


def test_query_id_is_echoed_but_never_a_header_of_its_own(server: Server) -> None:
    assert server.ask("SELECT 1", query_id="abc").headers["x-clickhouse-query-id"] == "abc"
    answer = server.ask("SELECT 1", query_id="a\r\nx: y")
    assert "x" not in answer.headers
    assert len(answer.headers["x-clickhouse-query-id"]) == 36


@pytest.mark.parametrize(
    ("sql", "status", "code", "name"),
    [
        ("", 400, 62, "SYNTAX_ERROR"),
        ("-- nothing", 400, 62, "SYNTAX_ERROR"),
        ("SELEC 1", 400, 62, "SYNTAX_ERROR"),
        ("SELECT 'a", 400, 62, "SYNTAX_ERROR"),
        ("SELECT * FROM no_such_table", 404, 60, "UNKNOWN_TABLE"),
        ("SELECT * FROM no_such_database.t", 404, 81, "UNKNOWN_DATABASE"),
        ("SELECT no_such_column FROM spans", 404, 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT noSuchFunction(1)", 404, 46, "UNKNOWN_FUNCTION"),
        ("SELECT 1 FORMAT NoSuchFormat", 404, 73, "UNKNOWN_FORMAT"),
        ("SELECT toUInt8('x')", 400, 6, "CANNOT_PARSE_TEXT"),
        ("SELECT {x:String}", 500, 456, "UNKNOWN_QUERY_PARAMETER"),
        (b"SELECT '\xff'", 400, 36, "BAD_ARGUMENTS"),
        ("DROP TABLE everyspan.spans", 500, 164, "READONLY"),
        ("SELECT throwIf(1, 'own (text)')", 500, 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
    ],
)
def test_errors(server: Server, sql: str | bytes, status: int, code: int, name: str) -> None:
    answer = server.ask(sql)
    assert (answer.status, answer.code) == (status, code), answer.text
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert f"({name}) (version " in answer.text
    assert answer.text.count("Code: ") == 1
    assert "formatQuerySingleLine" not in answer.text


def test_parameters_are_bound_as_on_a_server(server: Server) -> None:
    answer = server.ask(
        "SELECT {a:String}, {b:Array(String)}, {c:Nullable(Int32)}, {t:Identifier}.span_id"
        " FROM {t:Identifier} WHERE span_id = {n:UInt64}",
        param_a="x\\ty'; DROP TABLE spans",
        param_b="['p','q\\'']",
        param_c="\\N",
        param_t="spans",
        param_n=5,
    )
    assert answer.text == "x\\ty\\'; DROP TABLE spans\t['p','q\\'']\t\\N\t5\n"
    # The text is checked once for all values, and anew for each name.
    for wanted in ("5", "7", "x"):
        answer = server.ask("SELECT {n:UInt64}, {s:String}", param_n=wanted, param_s="system.users")
        assert answer.code == (457 if wanted == "x" else 0)
    assert server.ask("SELECT {n:UInt64}, {s:String}", param_n=1).code == 456
    named = "SELECT count() FROM {ns:Identifier}.{t:Identifier}"
    assert server.ask(named, param_ns="everyspan", param_t="spans").text == "1000\n"
    assert server.ask(named, param_ns="system", param_t="users").code == 497


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("zstd", zstandard.compress),
        ("lz4", lz4.frame.compress),
        ("lz4", lambda b: lz4.frame.compress(b[:5]) + lz4.frame.compress(b[5:])),
        ("zstd", lambda b: zstandard.compress(b[:5]) + zstandard.compress(b[5:])),
    ],
)
def test_compressed_requests(server: Server, encoding: str, compress) -> None:  # type: ignore[no-untyped-def]
    body = compress(b"SELECT 1")
    assert server.ask(body, headers={"Content-Encoding": encoding}).body == b"1\n"
    broken = server.ask(body[: len(body) // 2], headers={"Content-Encoding": encoding})
    assert (broken.status, broken.code) == (400, 36)


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "lz4", "deflate"])
def test_a_bomb_is_refused(server: Server, encoding: str) -> None:
    zeros = b"SELECT 1" + b" " * 50_000_000
    compress = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "zstd": zstandard.compress,
        "lz4": lz4.frame.compress,
    }[encoding]
    answer = server.ask(compress(zeros), headers={"Content-Encoding": encoding})
    assert (answer.status, answer.code) == (413, 229)


def test_answers_are_compressed_on_request_only(server: Server) -> None:
    sql = "SELECT file FROM spans ORDER BY span_id"
    plain = server.ask(sql)
    assert "content-encoding" not in plain.headers
    undo = {"gzip": gzip.decompress, "zstd": zstandard.decompress, "lz4": lz4.frame.decompress}
    for name, decompress in undo.items():
        answer = server.ask(sql, headers={"Accept-Encoding": name})
        assert answer.headers["content-encoding"] == name
        assert decompress(answer.body) == plain.body
    for accept in ("gzip;q=0", "br", "identity", ""):
        answer = server.ask(sql, headers={"Accept-Encoding": accept})
        assert "content-encoding" not in answer.headers
    off = server.ask(sql, headers={"Accept-Encoding": "gzip"}, enable_http_compression=0)
    assert off.body == plain.body


def test_what_is_not_offered_says_so(server: Server) -> None:
    assert server.ask("SELECT 1", compress=1).status == 501
    assert (
        server.ask("x", headers={"Content-Type": "multipart/form-data; boundary=x"}).status == 501
    )
    assert server.ask("x", headers={"Content-Encoding": "br"}).status == 501


# clickhouse-go, as Grafana's plugin uses it


def go_request(server: Server, sql: str, **url: str | int) -> bytes:
    answer = server.ask(
        sql,
        headers={
            "Authorization": "Basic " + base64.b64encode(b"default:").decode(),
            "Accept-Encoding": "gzip",
            "User-Agent": "grafana/12.0.0 clickhouse-datasource/4.20.0 clickhouse-go/2.47.0",
        },
        default_format="Native",
        **url,
    )
    assert answer.status == 200, answer.text
    if answer.headers.get("content-encoding") == "gzip":
        return gzip.decompress(answer.body)
    return answer.body


def native_string(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def test_hello_at_54460_has_block_info_and_answers_revision_0(server: Server) -> None:
    version = server.ask("SELECT version()").text.strip()
    timezone = server.ask("SELECT timezone()").text.strip()
    expected = b"\x01\x00\x02\xff\xff\xff\xff\x00\x04\x01"
    for name, kind, data in (
        ("displayName()", "String", native_string("everyspan")),
        ("version()", "String", native_string(version)),
        ("revision()", "UInt32", struct.pack("<I", 0)),
        ("timezone()", "String", native_string(timezone)),
    ):
        expected += native_string(name) + native_string(kind) + b"\x00" + data
    assert (
        go_request(server, HELLO, client_protocol_version=54460, max_execution_time=65) == expected
    )


def test_hello_without_the_parameter_is_plain_native_with_revision_0(server: Server) -> None:
    for url in ({}, {"client_protocol_version": 0}):
        block = go_request(server, HELLO, **url)
        assert block.startswith(
            b"\x04\x01" + native_string("displayName()") + native_string("String")
        )
        assert native_string("revision()") + native_string("UInt32") + b"\0\0\0\0" in block
    assert server.ask(HELLO).text.split("\t")[2] == "0"


def test_ping_and_the_questions_of_older_drivers(server: Server) -> None:
    one = b"\x01\x01" + native_string("1") + native_string("UInt8") + b"\x01"
    assert go_request(server, "SELECT 1", client_protocol_version=54460) == one
    assert go_request(server, "SELECT 1") == one
    timezone = go_request(server, "SELECT timezone()")
    assert timezone.startswith(b"\x01\x01" + native_string("timezone()") + native_string("String"))
    version = go_request(server, "SELECT version()")
    assert version.startswith(b"\x01\x01" + native_string("version()") + native_string("String"))


def test_no_rows_are_no_bytes(server: Server) -> None:
    assert go_request(server, "SELECT * FROM spans WHERE 0", client_protocol_version=54460) == b""


def test_grafanas_limit_and_time_arrive_as_settings(server: Server) -> None:
    block = go_request(server, "SELECT span_id FROM spans", limit=3, max_execution_time=65)
    assert block[:2] == b"\x01\x03"
    late = server.ask("SELECT sum(cityHash64(number)) FROM numbers(1e18)", max_execution_time=1)
    assert (late.status, late.code) == (408, 159)


# clickhouse-connect


@pytest.fixture(params=["lz4", "zstd", "gzip", False])
def client(request: pytest.FixtureRequest, server: Server) -> Iterator[Client]:
    connected = clickhouse_connect.get_client(
        host="127.0.0.1", port=server.port, compress=request.param
    )
    yield connected
    connected.close()


def test_clickhouse_connect_reads_rows_and_frames(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = client.query(
        "SELECT span_id, start_time, cost_usd, model, attributes, documents FROM everyspan.spans"
        " WHERE span_id < {top:UInt32} AND file IN {files:Array(String)} ORDER BY span_id",
        parameters={"top": 3, "files": ["agent_1.py", "agent_2.py"]},
    ).result_rows
    assert [row[0] for row in rows] == [1, 2]
    assert [row[2:] for row in rows] == [
        (None, "m", {"k": "1"}, ["a", "b"]),
        (0.2, "große", {"k": "2"}, ["a", "b"]),
    ]
    for name in ("pd", "pd_time_test"):
        # As in a program of somebody else.
        monkeypatch.delitem(vars(libraries), name, raising=False)
    frame = client.query_df("SELECT span_id, model, cost_usd FROM spans ORDER BY span_id")
    assert frame.shape == (1000, 3)
    assert int(frame["span_id"].sum()) == 499500
    assert client.query_np("SELECT span_id FROM spans ORDER BY 1").sum() == 499500
    assert client.command("SELECT count() FROM spans") == 1000
    with client.query_row_block_stream("SELECT number FROM numbers(200000)") as blocks:
        assert sum(len(block) for block in blocks) == 200000


def test_clickhouse_connect_may_send_the_settings_that_are_open(client: Client) -> None:
    sql = "SELECT getSetting('max_threads'), getSetting('join_use_nulls')"
    assert client.query(sql, settings={"max_threads": 1, "join_use_nulls": 1}).result_rows == [
        (1, True)
    ]
    # The rest it knows as read-only, and leaves out by itself.
    assert client.query("SELECT 1", settings={"allow_ddl": 1}).result_rows == [(1,)]


def test_clickhouse_connect_gets_errors_and_cannot_write(client: Client) -> None:
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        client.query("SELECT * FROM everyspan.nothing")
    with pytest.raises(DatabaseError, match="READONLY"):
        client.insert("everyspan.spans_raw", [[1]], column_names=["span_id"])
    with pytest.raises(DatabaseError, match="READONLY"):
        client.command("DROP TABLE everyspan.spans_raw")
    with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
        client.query("SELECT file('/etc/hostname')")


def test_many_readers_at_once(server: Server) -> None:
    def read(n: int) -> str:
        return server.ask(f"SELECT sum(span_id) + {n} - {n} FROM spans").text

    with ThreadPoolExecutor(24) as pool:
        assert set(pool.map(read, range(200))) == {"499500\n"}


# access and limits


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        (AUTH, {}),
        ({"Authorization": "Basic " + base64.b64encode("grafana:pässword".encode()).decode()}, {}),
        ({}, {"user": "grafana", "password": "pässword"}),
    ],
)
def test_password(guarded: Server, headers: dict[str, str], url: dict[str, str]) -> None:
    assert guarded.ask("SELECT 1", headers=headers, **url).text == "1\n"


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ({}, {}),
        ({"X-ClickHouse-User": "grafana"}, {}),
        ({"X-ClickHouse-User": "default", "X-ClickHouse-Key": "x"}, {}),
        ({"Authorization": "Basic !!!"}, {}),
        ({"Authorization": "Basic " + base64.b64encode(b"grafana:x").decode()}, AUTH),
        ({"Authorization": "Bearer x"}, {}),
        ({}, {"user": "grafana", "password": ""}),
    ],
)
def test_wrong_password(guarded: Server, headers: dict[str, str], url: dict[str, str]) -> None:
    answer = guarded.ask("SELECT 1", headers=headers, **url)
    assert (answer.status, answer.code) == (403, 516)
    assert "AUTHENTICATION_FAILED" in answer.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost:8123"}, 200),
        ({"Host": "[::1]:8123"}, 200),
        ({"Host": "192.0.2.7"}, 403),
        ({"Host": "0.0.0.0:8123"}, 403),
        ({"Host": "everyspan:8123"}, 200),
        ({"Host": "rebound.example:8123"}, 403),
        ({"Host": "localhost.example"}, 403),
        ({"Origin": "https://page.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"X-Forwarded-For": "127.0.0.1"}, 403),
    ],
)
def test_a_browser_is_no_way_in(server: Server, headers: dict[str, str], status: int) -> None:
    for method, url in (("POST", {}), ("GET", {"query": "SELECT 1"})):
        answer = server.ask("SELECT 1", method=method, headers=headers, **url)
        assert answer.status == status
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_with_the_password_any_name_will_do_and_no_page_of_another_site(guarded: Server) -> None:
    """A browser keeps a password for the site that it was given for, and sends it from others."""
    assert guarded.ask("SELECT 1", headers={**AUTH, "Host": "clickhouse:8123"}).status == 200
    for page in ({"Origin": "https://page.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert guarded.ask("SELECT 1", headers={**AUTH, **page}).status == 403


def test_limits_on_request_and_result(guarded: Server) -> None:
    large = guarded.ask("SELECT 1" + " " * 20_000, headers=AUTH)
    assert (large.status, large.code) == (413, 229)
    result = guarded.ask("SELECT number FROM numbers(10000000)", headers=AUTH)
    assert (result.status, result.code) == (500, 396)
    raised = guarded.ask(
        "SELECT number FROM numbers(10000000) SETTINGS max_result_bytes = 0", headers=AUTH
    )
    assert raised.code == 396
    # A megabyte a row: the memory goes before the time does.
    memory = guarded.ask(
        "SELECT length(groupArray(repeat('x', 1000000))) FROM numbers(100000)", headers=AUTH
    )
    assert memory.code == 241


ENDLESS = "SELECT sum(cityHash64(number)) FROM numbers(1e18)"


def test_too_many_readers_are_told_to_wait(guarded: Server) -> None:
    with ThreadPoolExecutor(3) as pool:
        started = time.monotonic()
        answers = list(
            pool.map(lambda _: guarded.ask(ENDLESS, headers=AUTH, max_execution_time=2), range(3))
        )
    codes = sorted(answer.code for answer in answers)
    assert codes == [159, 202, 202]
    busy = next(answer for answer in answers if answer.code == 202)
    assert (busy.status, busy.headers["retry-after"]) == (503, "1")
    assert time.monotonic() - started < 30
    assert guarded.ask("SELECT 1", headers=AUTH).text == "1\n"


def test_a_client_that_goes_away_stops_its_query(guarded: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", guarded.port)
    connection.request("POST", "/", ENDLESS, AUTH)
    time.sleep(0.4)
    assert isinstance(connection.sock, socket.socket)
    connection.sock.close()
    connection.close()
    # The only place is free again before the limit of 10 s.
    deadline = time.monotonic() + 9
    while (answer := guarded.ask("SELECT 1", headers=AUTH)).status == 503:
        assert time.monotonic() < deadline
    assert answer.text == "1\n"
