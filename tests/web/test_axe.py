"""axe-core on every view, at a desk and on a phone, light and dark. It is no part of the tree:

npm pack axe-core && tar xzf axe-core-*.tgz
AXE=package/axe.min.js .venv/bin/python -m pytest -m slow tests/web/test_axe.py
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.everyspan_up import Up
from tests.web.asking import key
from tests.web.test_browser import at, chromium, failing

__all__ = ["chromium", "failing"]

AXE = Path(os.environ.get("AXE", "axe.min.js"))
#: What WCAG 2.1 AA asks, and what is good besides.
RUN = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map(
    (each) => [each.impact, each.id, each.nodes.slice(0, 3).map((node) => node.html.slice(0, 160))]
)"""


@pytest.mark.slow
@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core: see above")
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(up: Up, chromium: Any, failing: str, scheme: str, width: int) -> None:
    # The page's own policy would not let it in.
    context = chromium.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, bypass_csp=True
    )
    context.set_default_timeout(120_000)
    page = context.new_page()
    page.goto(at(up, f"/enter?key={key(up)}"))
    found = {}
    for path in (
        "/",
        "/traces",
        "/traces?service=browsed&contains=order",
        "/traces?contains=nothing-of-the-kind",
        f"/traces/{failing}",
        "/classifiers",
        "/review/tool_call_error",
        "/review/toxicity",
        "/alerts",
        "/traces/zz",
    ):
        page.goto(at(up, path))
        page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
        page.add_script_tag(path=AXE)
        if wrong := page.evaluate(RUN):
            found[path] = wrong
    context.close()
    assert found == {}
