"""`everyspan forget` against a running stack."""

from __future__ import annotations

import json
import time

import pytest

from tests.cli.command import everyspan
from tests.everyspan_up import Up, free_ports
from tests.ingest.otlp_payloads import request, span, trace_id


def ports(up: Up) -> list[str]:
    return [f"--{name}-port={up.ports[name]}" for name in ("classify", "alerting", "clickhouse")]


def sent(up: Up, user: str, **attributes: str) -> str:
    """A judged trace of two spans: its id."""
    trace = trace_id()
    root = span(trace, attributes={"user.id": user, "note": f"said by {user}", **attributes})
    up.post(
        "/v1/traces", request(root, span(trace, parent_span_id=root.span_id)).SerializeToString()
    )
    up.judged([trace.hex()])
    return trace.hex()


def rows(up: Up, *traces: str) -> dict[str, int]:
    return {trace: len(up.spans(trace, "span_id")) for trace in traces}


def are(up: Up, wanted: dict[str, int]) -> bool:
    """Whether that is what readers see before long: they are half a second behind."""
    until = time.monotonic() + 30
    while rows(up, *wanted) != wanted:
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


def test_a_user(up: Up) -> None:
    user, other = f"forget-{time.time_ns()}", f"keep-{time.time_ns()}"
    hers, again, his = sent(up, user), sent(up, user), sent(up, other)
    asked = everyspan("forget", f"--user={user}", *ports(up), stdin="n\n")
    assert asked.returncode == 1
    assert "2 traces, 4 spans" in asked.stdout
    assert are(up, {hers: 2, again: 2, his: 2})
    done = everyspan("forget", f"--user={user}", "--yes", *ports(up))
    assert done.returncode == 0, done.stderr
    assert "by user: 2 traces; rows removed: " in done.stdout
    assert "of spans_raw" in done.stdout
    assert "the disk is cleared within minutes" in done.stdout
    assert "alerts: 0 records deleted" in done.stdout
    assert are(up, {hers: 0, again: 0, his: 2})
    for table in ("erasures", "forgotten_traces"):
        assert user not in json.dumps(up.query(f"SELECT * FROM everyspan.{table}"))
    listed = json.loads(everyspan("forget", "--receipts", "--json", *ports(up)).stdout)
    assert listed[0]["traces"] == 2
    again = everyspan("forget", f"--user={user}", "--yes", *ports(up))
    assert again.returncode == 1
    assert "no trace of this user is stored" in again.stderr


def test_a_condition_and_a_trace(up: Up) -> None:
    marked, other = sent(up, "x", marked=f"m{time.time_ns()}"), sent(up, "x")
    (row,) = up.query(
        f"SELECT attributes['marked'] AS m FROM everyspan.spans WHERE trace_id = '{marked}'"
        " AND m != ''"
    )
    where = f"attributes['marked'] = '{row['m']}'"
    done = everyspan("forget", f"--where={where}", "--yes", "--json", *ports(up))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["traces"] == 1
    assert are(up, {marked: 0, other: 2})
    assert everyspan("forget", f"--trace={other}", "--yes", *ports(up)).returncode == 0
    assert are(up, {other: 0})


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ([], 2, "say whom: one of --user, --session, --trace and --where"),
        (["--user=a", "--session=b"], 2, "say whom: one of"),
        (["--trace=short"], 1, "'short' is no trace id of 32 hex digits"),
        (["--where=no_such_column = 1"], 1, "no_such_column"),
        (["--where=1) FORMAT CSV --"], 1, ""),
        (["--where=(SELECT count() FROM file('/etc/passwd')) > 0"], 1, ""),
    ],
)
def test_bad_input(up: Up, options: list[str], status: int, said: str) -> None:
    done = everyspan("forget", *options, "--yes", *ports(up))
    assert done.returncode == status, (done.stdout, done.stderr)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_house() -> None:
    closed = [f"--classify-port={free_ports()['classify']}"]
    done = everyspan("forget", "--user=a", "--yes", *closed)
    assert done.returncode == 1
    assert "no classify service answers" in done.stderr


@pytest.mark.slow
def test_until_nothing_is_left_on_the_disk(up: Up) -> None:
    user = f"forget-{time.time_ns()}"
    sent(up, user)
    done = everyspan("forget", f"--user={user}", "--yes", "--wait", *ports(up))
    assert done.returncode == 0, done.stderr
    assert "nothing of it is left on the disk since" in done.stdout
