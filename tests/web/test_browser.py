"""The page in a real browser: keys, three clicks to a failure, contrast, widths, nothing that runs."""

from __future__ import annotations

import json
import string
import time
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

import pytest

from tests import browser
from tests.browser import LOOKS
from tests.everyspan_up import Up
from tests.ingest.otlp_payloads import request, span, trace_id
from tests.service import hostile
from tests.web.asking import key

_NOT_FOUND = {"error": "order not found"}


@pytest.fixture(scope="module")
def failing(up: Up) -> str:
    """The newest of four traces whose second step fails; and some of services of long names that
    each leak a key: more than the first page has sentences for."""
    letters = Random(1).choices(string.ascii_letters + string.digits, k=36)
    leak = {"token": f"ghp_{''.join(letters)}"}
    traces = [
        _send(up, "long-name-" * 20),
        _send(up, ""),
        *(_send(up, f"{number}{'W' * 199}", leak) for number in range(9)),
        *(_send(up) for _ in range(4)),
    ]
    up.judged(traces)
    up.until_visible()
    return traces[-1]


def _send(up: Up, service: str = "browsed", result: Mapping[str, str] = _NOT_FOUND) -> str:
    trace = trace_id()
    root = span(trace, name="answer", attributes={"gen_ai.operation.name": "invoke_agent"})
    tool = span(
        trace,
        name="get_order",
        parent_span_id=root.span_id,
        start_time_unix_nano=time.time_ns() + 1_000_000,
        attributes={
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "get_order",
            # So long that it is scrolled.
            "gen_ai.tool.call.arguments": json.dumps({"orders": list(range(200))}),
            "gen_ai.tool.call.result": json.dumps(result),
        },
    )
    up.post("/v1/traces", request(root, tool, service=service).SerializeToString())
    return trace.hex()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser.chromium() as started:
        yield started


@pytest.fixture
def opened(up: Up, chromium: Any) -> Iterator[Any]:
    """A page at a desk. What its console says is an error, and no request leaves the machine."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(60_000)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "request",
        lambda asked: (
            None
            if asked.url.startswith(f"http://127.0.0.1:{up.ports['web']}/")
            else said.append(asked.url)
        ),
    )
    yield page
    context.close()
    assert said == []


def at(up: Up, path: str) -> str:
    return f"http://127.0.0.1:{up.ports['web']}{path}"


def test_from_the_first_page_to_the_failure_in_three_clicks(
    up: Up, opened: Any, failing: str
) -> None:
    opened.goto(at(up, "/?service=browsed"))
    opened.click("text=tool_call_error")
    opened.click("tr.go a")
    opened.wait_for_url(f"**/traces/{failing}**")
    step = opened.locator(".step.failing").first
    assert "order not found" in step.locator("mark.fail").first.inner_text()
    # Beside words of nearly its colour, a link is known by its line.
    link = step.locator("h2 a")
    assert link.evaluate("each => getComputedStyle(each).textDecorationLine") == "underline"
    assert 0 <= step.evaluate("each => each.getBoundingClientRect().top") < 450, "it is seen"


def test_keys(up: Up, opened: Any, failing: str) -> None:
    opened.goto(at(up, "/traces?service=browsed"))
    opened.keyboard.press("/")
    assert opened.evaluate("document.activeElement.name") == "contains"
    opened.keyboard.press("Escape")
    opened.keyboard.press("j")
    opened.keyboard.press("Enter")
    opened.wait_for_url(f"**/traces/{failing}**")
    opened.evaluate("scrollTo(0, 0)")
    opened.keyboard.press("f")
    assert opened.evaluate("document.activeElement.id") == "step-2"
    opened.keyboard.press("?")
    assert opened.locator("dialog#help").is_visible()


def test_review_with_one_key_each(up: Up, opened: Any, failing: str) -> None:
    opened.goto(at(up, f"/enter?key={key(up)}"))
    opened.goto(at(up, "/review/tool_call_error"))
    before = len(up.query("SELECT 1 FROM everyspan.reviews"))
    for pressed in ("y", "Space"):
        with opened.expect_navigation():
            opened.keyboard.press(pressed)
        up.sent()
        up.until_visible()
        opened.reload()
    rows = up.query("SELECT answer FROM everyspan.reviews ORDER BY reviewed_at")
    assert [row["answer"] for row in rows[before:]] == ["right", "unsure"][: len(rows) - before]
    assert len(rows) > before


#: Every text against what is behind it, as WCAG 2.1 (1.4.3) counts; and names of what can be used.
CHECK = """() => {
  const channel = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parts = (color) => color.match(/[\\d.]+/g).map(Number);
  const behind = (each) => {
    for (let at = each; at; at = at.parentElement) {
      const color = parts(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] === 1) return color;
    }
    return matchMedia("(prefers-color-scheme: dark)").matches ? [20, 22, 27] : [255, 255, 255];
  };
  const wrong = [];
  for (const each of document.querySelectorAll("body *")) {
    const style = getComputedStyle(each);
    const own = [...each.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !each.checkVisibility() || each.closest("dialog, .away, .skip, option, datalist")) continue;
    const [a, b] = [light(parts(style.color)), light(behind(each))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) wrong.push(`${each.tagName} ${each.className} ${ratio.toFixed(2)}`);
  }
  for (const each of document.querySelectorAll("input:not([type=hidden]), select, button, a[href]")) {
    if (!each.checkVisibility()) continue;
    const name = each.getAttribute("aria-label") || each.labels?.[0]?.textContent || each.textContent;
    if (!name.trim()) wrong.push(`no name: ${each.outerHTML.slice(0, 200)}`);
    if (each.tabIndex < 0) wrong.push(`not by tab: ${each.outerHTML.slice(0, 200)}`);
  }
  for (const each of document.querySelectorAll("body *")) {
    const scrolls = each.scrollHeight > each.clientHeight + 1
      && ["auto", "scroll"].includes(getComputedStyle(each).overflowY);
    if (scrolls && each.tabIndex < 0 && !each.querySelector("a[href], button"))
      wrong.push(`not scrolled by keys: ${each.className}`);
  }
  for (const each of document.querySelectorAll(".cards td")) {
    const told = getComputedStyle(each, "::before").content;
    if (innerWidth < 821 && each.dataset.label && !told.includes(each.dataset.label))
      wrong.push(`says not what it is: ${each.textContent.slice(0, 80)}`);
    const cut = getComputedStyle(each).display === "block" && each.scrollWidth > each.clientWidth + 1;
    if (cut) wrong.push(`cut: ${each.textContent.slice(0, 80)}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  if (new Set(ids).size !== ids.length) wrong.push("an id stands twice");
  if (document.querySelectorAll("h1").length !== 1) wrong.push("one h1");
  if (!document.documentElement.lang) wrong.push("no language");
  if (document.documentElement.scrollWidth > innerWidth) wrong.push(`${document.documentElement.scrollWidth} wide`);
  return wrong;
}"""


@LOOKS
def test_it_can_be_read_by_everybody(
    up: Up, chromium: Any, failing: str, scheme: str, width: int
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(at(up, f"/enter?key={key(up)}"))
    for path in (
        "/",
        "/traces?service=browsed&contains=order",
        "/traces?failed=data_leakage",
        f"/traces/{failing}",
        "/classifiers",
        "/review/tool_call_error",
        "/alerts",
        "/traces",
        "/traces/zz",
    ):
        page.goto(at(up, path))
        assert page.evaluate(CHECK) == [], (path, scheme, width)
    context.close()


def test_without_scripts_it_reads(up: Up, chromium: Any, failing: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(at(up, "/traces?service=browsed"))
    page.click("tr.go a")
    assert "order not found" in page.inner_text("#step-2")
    assert "UTC" in page.inner_text("time >> nth=0")
    context.close()


def test_a_stranger_s_trace_runs_nothing(up: Up, opened: Any) -> None:
    trace = trace_id()
    for each in hostile.traces(trace, up.data.parent / "browser-mark"):
        up.post("/v1/traces", each.SerializeToString())
    up.judged([trace.hex()])
    for path in (f"/traces/{trace.hex()}", "/traces?since=1h&contains=window.pwned"):
        opened.goto(at(up, path))
        assert opened.evaluate("window.pwned") is None
        assert opened.locator("iframe, img, script:not([src])").count() == 0


@pytest.mark.slow
def test_ten_thousand_steps_open(up: Up, opened: Any) -> None:
    trace = trace_id()
    root = span(trace, name="root", attributes={"gen_ai.operation.name": "invoke_agent"})
    start = time.time_ns()
    steps = [
        span(trace, name=f"s{i}", parent_span_id=root.span_id, start_time_unix_nano=start + i)
        for i in range(1, 10_000)
    ]
    for first in range(0, len(steps), 5000):
        group = steps[first : first + 5000]
        up.post("/v1/traces", request(*([] if first else [root]), *group).SerializeToString())
    up.until_visible()
    opened.goto(at(up, f"/traces/{trace.hex()}"))
    assert opened.locator("li.line").count() == 400
