"""Fills page.html with the dashboards' panels: one file, with the charting library inside."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from grafana.macros import TimeRange
from grafana.report.panels import SHOWN, Run, board, shown


def page(run: Run, times: TimeRange, version: str) -> str:
    """HTML of about 5 MB, most of it Plotly. All text of spans is escaped."""
    from plotly.offline import get_plotlyjs

    boards = []
    for name in SHOWN:
        document = board(name)
        title = document["title"].removeprefix("Everyspan / ")
        boards.append((title, document["uid"], list(shown(document, run, times))))
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text: str = environment.get_template("page.html").render(
        boards=boards,
        start=f"{times.start.astimezone(UTC):%Y-%m-%d %H:%M}",
        end=f"{times.end.astimezone(UTC):%Y-%m-%d %H:%M}",
        made=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
        version=version,
        # A closing tag within would end the script early. The library's own text, not a span's.
        plotly=Markup(get_plotlyjs().replace("</script", "<\\/script")),  # noqa: S704
    )
    return text
