"""The list of traces: its filters are the address, the address is the query."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

import pytest

from tests.cli.command import everyspan
from tests.everyspan_up import Up
from tests.ingest.otlp_payloads import request, span, trace_id
from tests.web.asking import get, page, read

WORDS = (
    "The Zorilla tent's guarantee costs 50% of c:\\temp, it's order_id_7 von Müller: 保証は二年です"
)


def turn(up: Up, service: str, question: str, answer: str, **more: Any) -> str:
    """A trace of an agent and a model's call below it."""
    trace = trace_id()
    asked = [
        {"role": "system", "parts": [{"type": "text", "content": "You answer of tents."}]},
        {"role": "user", "parts": [{"type": "text", "content": question}]},
    ]
    said = [{"role": "assistant", "parts": [{"type": "text", "content": answer}]}]
    root = span(trace, name="answer", attributes={"gen_ai.operation.name": "invoke_agent", **more})
    call = span(
        trace,
        name="chat",
        parent_span_id=root.span_id,
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4.1-mini",
            "gen_ai.input.messages": json.dumps(asked),
            "gen_ai.output.messages": json.dumps(said),
            **more,
        },
    )
    up.post("/v1/traces", request(root, call, service=service).SerializeToString())
    return trace.hex()


@pytest.fixture(scope="module")
def traces(up: Up) -> list[str]:
    """Two of one service, the first about tents."""
    found = [
        turn(up, "page-shop", WORDS, "Two years.", **{"session.id": "s/1 ?", "user.id": "u&1"}),
        turn(up, "page-shop", "Is it raining?", "No: 100 wet_days", **{"session.id": "s-2"}),
    ]
    up.judged(found)
    return found


def found(up: Up, **parameters: str) -> list[str]:
    """Ids that fit, newest first."""
    answer = get(up, "/traces.json", service="page-shop", **parameters)
    assert answer.status == 200, answer.body
    return [row["trace_id"] for row in json.loads(answer.body)["traces"]]


def test_the_newest_come_first_with_what_was_said(up: Up, traces: list[str]) -> None:
    assert found(up) == traces[::-1]
    assert found(up, sort="oldest") == traces
    text = read(up, "/traces", service="page-shop")
    assert "Is it raining?" in text
    assert "Two years." in text
    assert "page-shop" in text


@pytest.mark.parametrize(
    ("contains", "which"),
    [
        ("guarantee", [0]),
        ("GUARANTEE tent", [0]),
        ("guarantee raining", []),
        ("guarant", []),
        ("50%", [0]),
        ("0%", [0]),
        ("5%", []),
        ("c:\\temp", [0]),
        ("it's", [0]),
        ("order_id_7", [0]),
        ("order%id%7", []),
        ("wet_days", [1]),
        ("wetXdays", []),
        ("100", [1]),
        ('"Two years"', [0]),
        ('"years two"', []),
        ("MÜLLER", [0]),
        ("保証", [0]),
        ("年数", []),
        ("%_'\\", []),
        ("'", [0]),
        ("\\", [0]),
        ("'; DROP TABLE spans; --", []),
        ("{x:String} {{ 7*7 }}", []),
    ],
)
def test_a_search_finds_words_and_parts_as_they_stand(
    up: Up, traces: list[str], contains: str, which: list[int]
) -> None:
    assert found(up, contains=contains) == [traces[i] for i in which]


def test_filters_are_the_columns(up: Up, traces: list[str]) -> None:
    assert found(up, session="s/1 ?") == [traces[0]]
    assert found(up, user="u&1", model="gpt-4.1-mini", kind="llm") == [traces[0]]
    assert found(up, model="gpt-4.1-mini", name="answer") == traces[::-1], "each of another step"
    assert found(up, model="gpt-5") == []
    assert found(up, until="1h") == []
    assert found(up, failed="toxicity") == []
    assert found(up, failed="no_such'classifier") == []
    assert found(up, status="error") == []
    assert found(up, sort="slowest") in (traces, traces[::-1])
    assert sorted(found(up, replays="with")) == sorted(traces)


def test_the_page_is_a_query_that_runs(up: Up, traces: list[str]) -> None:
    given = {"service": "page-shop", "contains": "c:\\temp it's", "model": "gpt-4.1-mini"}
    sql = json.loads(get(up, "/traces.json", **given).body)["sql"]
    text = page(up, "/traces", **given)
    assert sql.splitlines()[0] in text
    done = everyspan(
        *("sql", sql.replace("spans", "everyspan.spans")),
        f"--clickhouse-port={up.ports['clickhouse']}",
        "--format=JSONEachRow",
    )
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["trace_id"] for line in done.stdout.splitlines()] == [traces[0]]


def test_every_link_of_the_list_leads_somewhere(up: Up, traces: list[str]) -> None:
    text = page(up, "/traces", service="page-shop", contains="guarantee")
    links = set(re.findall(r'href="(/[^"#]*)', text))
    assert f"/sessions/{quote('s/1 ?', safe='')}" in links
    for link in links:
        assert get(up, link.replace("&amp;", "&")).status in (200, 307), link
    assert get(up, "/").status in (200, 307)
    text = page(up, f"/traces/{traces[0]}")
    assert text.count("You answer of tents.") == 1, "its instructions came as a message"
    # What the form has no field for goes on with it.
    given = {"failed": "one_of_mine", "passed": "toxicity", "session": "s-2", "ended": "error"}
    form = page(up, "/traces", **given)
    form = form[: form.index("</form>", form.index('class="filters"'))]
    assert "<option selected>one_of_mine</option>" in form
    hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
    assert dict(hidden) == {name: given[name] for name in ("passed", "session", "ended")}


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("/traces?colour=red", "there is no such filter"),
        ("/traces?since=yesterday", "24h"),
        ("/traces?since=99999999999999y", "24h"),
        ("/traces?until=0001-01-01T00:00%2B14:00", "until"),
        ("/traces?sort=best", "newest"),
        ("/traces?replays=maybe", "without"),
        ("/traces?page=0", "from 1 to"),
        ("/traces?page=%C2%B2", "from 1 to"),
        ("/traces?" + "model=a&" * 60, "over 50 values"),
        ("/traces/xyz", "hex digits"),
        ("/traces/abcd?run=x", "run"),
        ("/traces/%27%20OR%201=1", "hex digits"),
    ],
)
def test_an_address_that_makes_no_sense_says_what_would(up: Up, address: str, word: str) -> None:
    text = read(up, address, 400)
    assert word in text
    assert "Traceback" not in text


@pytest.mark.parametrize("address", ["/traces/" + "0" * 32, "/nothing", "/static/../pages.py"])
def test_what_is_not_there_is_not_found(up: Up, address: str) -> None:
    assert "Traceback" not in read(up, address, 404)


def test_an_empty_list_says_why_and_what_to_do(up: Up) -> None:
    text = read(up, "/traces", service="nobody")
    assert "No trace fits" in text
    assert "30 days" in text


def test_replays_are_out_unless_they_are_asked_for(up: Up, traces: list[str]) -> None:
    replay = turn(up, "page-shop", "Again?", "Yes.", **{"replay.of": traces[0]})
    up.judged([replay])
    assert replay not in found(up)
    assert found(up, replays="only") == [replay]
    assert sorted(found(up, replays="with")) == sorted([*traces, replay])
    text = page(up, f"/traces/{replay}")
    assert "A replay of" in text
    assert f'href="/traces/{traces[0]}"' in text
