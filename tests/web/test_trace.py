"""One trace: what each step said, and why it failed."""

from __future__ import annotations

import json
import re
import time
from html.parser import HTMLParser

import pytest

from tests.everyspan_up import Up
from tests.ingest.otlp_payloads import request, span, trace_id
from tests.service import hostile
from tests.web.asking import get, page, read


class Tags(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.scripts += tag == "script"


@pytest.fixture(scope="module")
def failing(up: Up) -> str:
    """An agent whose tool can't find an order."""
    trace = trace_id()
    root = span(
        trace,
        name="answer",
        attributes={"gen_ai.operation.name": "invoke_agent", "session.id": "page-session"},
    )
    tool = span(
        trace,
        name="get_order",
        parent_span_id=root.span_id,
        start_time_unix_nano=time.time_ns() + 1_000_000,
        attributes={
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "get_order",
            "gen_ai.tool.call.arguments": '{"order": "LF-1"}',
            "gen_ai.tool.call.result": '{"error": "order [not] found"}',
            "code.file.path": "agent.py",
            "code.line.number": 112,
        },
    )
    up.post("/v1/traces", request(root, tool, service="page-agent").SerializeToString())
    before = trace_id()
    first = span(
        before,
        name="before",
        start_time_unix_nano=time.time_ns() - 10_000_000_000,
        attributes={"gen_ai.operation.name": "invoke_agent", "session.id": "page-session"},
    )
    up.post("/v1/traces", request(first, service="page-agent").SerializeToString())
    up.judged([trace.hex(), before.hex()])
    return trace.hex()


def test_a_failure_stands_in_its_step(up: Up, failing: str) -> None:
    text = page(up, f"/traces/{failing}")
    step = text[text.index('id="step-2"') :]
    assert "tool_call_error" in step
    assert "agent.py:112" in step
    assert re.search(r'<mark class="fail"[^>]*>[^<]*order \[not\] found', step), step[:4000]
    assert "LF-1" in step
    assert f"everyspan replay {failing} --from-step 2" in text
    assert "failed=tool_call_error" in text
    assert "turn before" in text
    assert "turn after" not in text
    turns = page(up, "/sessions/page-session").split("<article")[1:]
    assert len(turns) == 2
    assert "before: no input, no output." in turns[0], "the oldest comes first"
    assert re.search(r'<mark class="fail"[^>]*>[^<]*order \[not\] found', turns[1]), turns[1]
    assert f'href="/traces/{failing}"' in turns[1]
    assert "no turn of session nobody came" in read(up, "/sessions/nobody", 404)
    assert "name a session" in read(up, "/sessions/%20", 404)


def test_the_beginning_of_an_id_leads_to_the_trace(up: Up, failing: str) -> None:
    answer = get(up, f"/traces/{failing[:12].upper()}")
    assert answer.status == 307
    assert answer.headers["location"] == f"/traces/{failing}"


def test_as_json(up: Up, failing: str) -> None:
    told = json.loads(get(up, f"/api/traces/{failing}").body)
    assert [step["name"] for step in told["steps"]] == ["answer", "get_order"]
    failed = [v for v in told["steps"][1]["verdicts"] if v["label"] == "fail"]
    assert [v["classifier"] for v in failed] == ["tool_call_error"]
    assert told["steps"][1]["content"]["code_line"] == 112


def test_a_stranger_s_trace_is_text(up: Up) -> None:
    trace = trace_id()
    for each in hostile.traces(trace, up.data.parent / "page-mark"):
        up.post("/v1/traces", each.SerializeToString())
    up.judged([trace.hex()])
    for address in (f"/traces/{trace.hex()}", "/traces?since=1h", "/traces?contains=script"):
        text = page(up, address)
        seen = Tags()
        seen.feed(text)
        assert not seen.tags & {"iframe", "img", "object", "embed", "base", "style"}
        assert seen.scripts == 1, "ours"
        assert not [name for name in seen.attributes if name.startswith(("on", "style"))]
        assert not re.search(r'(href|src|action)="(?!/|#)', text), "every address is ours"
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert hostile.KEY not in text


def test_five_megabytes_are_cut_with_a_way_to_all(up: Up) -> None:
    trace = trace_id()
    # The stack of tests stores 64 KiB of an attribute.
    told = "A long answer. " * 4000
    root = span(
        trace,
        name="long",
        attributes={"gen_ai.operation.name": "chat", "gen_ai.output.messages": json.dumps(
            [{"role": "assistant", "parts": [{"type": "text", "content": told + "The end."}]}])},
    )  # fmt: skip
    up.post("/v1/traces", request(root).SerializeToString())
    up.until_visible()
    text = page(up, f"/traces/{trace.hex()}")
    assert len(text) < 60_000
    (link,) = re.findall(r'href="(/traces/\w+/text/\w+/output_messages)"', text)
    whole = read(up, link)
    assert "The end." in whole
    assert get(up, link.replace("output_messages", "trace_id")).status == 400


def test_ten_thousand_steps_open_around_the_failing_one(up: Up) -> None:
    trace = trace_id()
    root = span(trace, name="root", attributes={"gen_ai.operation.name": "invoke_agent"})
    start = time.time_ns()
    steps = [
        span(
            trace,
            name=f"step {i}",
            parent_span_id=root.span_id,
            start_time_unix_nano=start + i * 1_000_000,
            attributes={
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "look",
                "gen_ai.tool.call.result": '{"error": "no such page"}'
                if i == 7000
                else '{"ok": 1}',
            },
        )
        for i in range(1, 10_000)
    ]
    for first in range(0, len(steps), 2500):
        group = steps[first : first + 2500]
        up.post("/v1/traces", request(*([root] if not first else []), *group).SerializeToString())
    up.judged([trace.hex()], timeout=300)
    text = page(up, f"/traces/{trace.hex()}")
    assert 'id="step-7001"' in text
    assert "400 of 10,000 steps" in text
    assert len(text) < 800_000
    whole = page(up, f"/traces/{trace.hex()}", tree="all")
    assert whole.count('class="line') == 10_000
    assert 'id="step-3"' in page(up, f"/traces/{trace.hex()}", step="3")


def test_half_characters_directions_and_circles(up: Up) -> None:
    trace, a, b = trace_id(), b"aaaaaaaa", b"bbbbbbbb"
    text = "שלום \u202e evil \u2066 ภาษาไทย 👩‍👩‍👧‍👦 " + "𝕏" * 50
    spans = [
        span(trace, span_id=a, parent_span_id=b, name=text, attributes={"input.value": text}),
        span(trace, span_id=b, parent_span_id=a, name="b", attributes={"input.value": text}),
    ]
    up.post("/v1/traces", request(*spans).SerializeToString())
    up.until_visible()
    shown = page(up, f"/traces/{trace.hex()}")
    assert shown.count('<article class="step') == 2
    assert "שלום" in shown
    assert "\\u202e" in shown
    assert "\u202e" not in shown
