"""Fills page.html with the dashboards' panels: one file, with the charting library inside."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from classify.reviews.figures import TITLES, percent, reviewed
from classify.reviews.queue import DAYS
from grafana.macros import TimeRange
from grafana.report.panels import SHOWN, Run, board, shown


def page(run: Run, times: TimeRange, version: str) -> str:
    """HTML of about 5 MB, most of it Plotly. All text of spans is masked and escaped, and should it
    ever not be, the page's policy runs no script but these two and loads nothing."""
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
    # A closing tag within would end the script early. The library's own text, not a span's.
    plotly = get_plotlyjs().replace("</script", "<\\/script")
    draw = (Path(__file__).parent / "draw.js").read_text(encoding="utf-8")
    text: str = environment.get_template("page.html").render(
        boards=boards,
        answered=_answered(run),
        titles=TITLES.values(),
        days=DAYS,
        start=f"{times.start.astimezone(UTC):%Y-%m-%d %H:%M}",
        end=f"{times.end.astimezone(UTC):%Y-%m-%d %H:%M}",
        made=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
        version=version,
        plotly=Markup(plotly),  # noqa: S704
        draw=Markup(draw),  # noqa: S704
        policy=_policy(plotly, draw),
    )
    return text


def _answered(run: Run) -> list[list[str]]:
    """A line a classifier that was answered on: name, answers, figures, what they moved."""

    def rows(sql: str) -> list[dict[str, Any]]:
        names, found = run(sql)
        return [dict(zip(names, row, strict=True)) for row in found]

    ((database,),) = run("SELECT currentDatabase()")[1]
    return [
        [
            each.classifier,
            str(each.answers),
            *(percent(each.quality.estimate(name)) for name in TITLES),
            each.calibration.reason if each.calibration else "",
        ]
        for each in reviewed(rows, database)
    ]


def _policy(*scripts: str) -> Markup:
    """See https://www.w3.org/TR/CSP3/: what the page may run, by its hash, and load: nothing."""
    hashes = (base64.b64encode(hashlib.sha256(text.encode()).digest()) for text in scripts)
    allowed = " ".join(f"'sha256-{each.decode()}'" for each in hashes)
    return Markup(  # noqa: S704
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; base-uri 'none';"
        " form-action 'none'"
    )
