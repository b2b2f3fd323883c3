"""docs/settings.md, from the settings classes themselves.

make docs        # write it; or: python -m cli.settings_table
"""

from __future__ import annotations

from pathlib import Path
from types import NoneType
from typing import Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from alerting.settings import AlertingSettings
from classify.settings import ClassifySettings
from clickhouse.settings import ClickHouseSettings
from ingest.settings import IngestSettings
from service.settings import ListenSettings
from service.stack_settings import UpSettings
from web.settings import WebSettings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
#: By heading. A setting stands under the first that has it.
CLASSES: dict[str, type[BaseSettings]] = {
    "Every service": ClickHouseSettings,
    "Who may call": ListenSettings,
    "ingest": IngestSettings,
    "classify": ClassifySettings,
    "alerting": AlertingSettings,
    "web": WebSettings,
    "up": UpSettings,
}
_ABOUT = {
    "Every service": "Where rows are, and how long they stay.",
    "Who may call": "For ingest, classify, alerting, the page and `everyspan up`.",
    "ingest": "`everyspan ingest`, and ingest in `everyspan up`.",
    "classify": "`everyspan classify`, and classify in `everyspan up`.",
    "alerting": "`everyspan alerting`, and alerting in `everyspan up`.",
    "web": "`everyspan web`, and the page in `everyspan up`.",
    "up": "`everyspan up` alone, beside all of the above.",
}
_HEAD = """<!-- Written by `make docs` from the settings themselves: change those, not this. -->
# Settings

Every setting of a service is an environment variable, empty for none. An option of its command,
such as `--otlp-http-port`, comes before it; `everyspan COMMAND --help` lists the options. Those of
`everyspan replay` are in [sdk/README.md](../sdk/README.md#options), the settings of
`docker compose up` in [.env.example](../.env.example), and where alerts fire in
[grafana/thresholds.toml](../grafana/thresholds.toml).
"""
# What depends on the machine, or is done where nothing is set, is described, not quoted.
_DESCRIBED = {
    "EVERYSPAN_CLICKHOUSE_DSN": "embedded, in `EVERYSPAN_DATA`",
    "EVERYSPAN_INGEST_WORKERS": "half the cores",
    "EVERYSPAN_CLASSIFY_WORKERS": "half the cores, at most 4",
    "EVERYSPAN_CLASSIFY_THRESHOLDS": "the classifiers' own",
    "EVERYSPAN_ALERT_ROUTES": "to the log",
    "EVERYSPAN_PLAYBOOK": "Everyspan's",
    "EVERYSPAN_FIX_LLM_URL": "the playbook",
    "EVERYSPAN_GRAFANA_RULES": "the rules that come with Everyspan",
}
# By how a setting is called.
_UNITS = {
    "seconds": "seconds",
    "ms": "milliseconds",
    "days": "days",
    "bytes": "bytes",
    "rows": "rows",
    "share": "0 to 1",
    "port": "port",
    "workers": "processes",
    "shards": "workers",
    "connections": "connections",
}
_KINDS: dict[object, str] = {
    bool: "true or false",
    Path: "path",
    SecretStr: "secret",
    str: "text",
}


def page() -> str:
    """Markdown: a table a heading, of variable, default, unit and meaning."""
    parts, seen = [_HEAD], set[str]()
    for heading, kind in CLASSES.items():
        parts.append(
            f"\n## {heading}\n\n{_ABOUT[heading]}\n\n"
            "| variable | default | unit | meaning |\n|---|---|---|---|\n"
        )
        parts += [
            f"| `{_variable(name)}` | {_default(name, field)} | {_unit(name, field)} |"
            f" {field.description} |\n"
            for name, field in kind.model_fields.items()
            if name not in seen
        ]
        seen |= kind.model_fields.keys()
    return "".join(parts)


def _variable(name: str) -> str:
    return f"EVERYSPAN_{name.upper()}"


def _default(name: str, field: FieldInfo) -> str:
    if _variable(name) in _DESCRIBED:
        return _DESCRIBED[_variable(name)]
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value in ("", None):
        return "none"
    if name.endswith("_bytes"):
        return (
            f"`{value}` ({value >> 20} MiB)"
            if value >= 1 << 20
            else f"`{value}` ({value >> 10} KiB)"
        )
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _unit(name: str, field: FieldInfo) -> str:
    """Raises KeyError for a number whose name does not say what it counts: add it to _UNITS."""
    if get_origin(field.annotation) is Literal:
        return "one of these"
    (kind,) = {*(get_args(field.annotation) or (field.annotation,))} - {NoneType}
    return _KINDS[kind] if kind in _KINDS else _UNITS[name.split("_")[-1]]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
