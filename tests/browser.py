"""Chromium, and how a page is looked at: at a desk and on a phone, light and dark."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
#: For tests that take ``width`` and ``scheme``; what differs between them shows in two of the four.
LOOKS = pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (1440, "light"),
        (390, "dark"),
        pytest.param(1440, "dark", marks=pytest.mark.slow),
        pytest.param(390, "light", marks=pytest.mark.slow),
    ],
)


@contextmanager
def chromium(*options: str) -> Iterator[Any]:
    """One that is started; the test is skipped where there is none."""
    if CHROMIUM is None:
        pytest.skip("no Chromium: install chromium to look at the page")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", *options]
        )
        yield browser
        browser.close()
