"""At the end of a run, a table of every panel's and rule's SQL: rows and milliseconds."""

from __future__ import annotations

from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    lines = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", [])
        if name == "sql" and getattr(report, "when", "") == "call"
    ]
    if lines:
        terminalreporter.section("dashboards and alert rules: statement | rows | ms")
        for line in sorted(lines):
            terminalreporter.line(line)
