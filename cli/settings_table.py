"""docs/settings.md, from the settings classes and the commands' options themselves.

make docs        # write it; or: python -m cli.settings_table
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import get_args

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings
from typer.core import TyperGroup, TyperOption

from alerting.settings import AlertingSettings
from classify.settings import ClassifySettings
from cli.main import app
from cli.up_settings import UpSettings
from clickhouse.settings import ClickHouseSettings
from ingest.settings import IngestSettings
from service.settings import ListenSettings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
#: Heading, settings and what it is about. A setting stands under the first that has it.
SECTIONS: tuple[tuple[str, type[BaseSettings], str], ...] = (
    ("Every service", ClickHouseSettings, "Where rows are, and how long they stay."),
    ("Who may call", ListenSettings, "For ingest, classify, alerting and `everyspan up`."),
    ("ingest", IngestSettings, "`everyspan ingest`, and ingest in `everyspan up`."),
    ("classify", ClassifySettings, "`everyspan classify`, and classify in `everyspan up`."),
    ("alerting", AlertingSettings, "`everyspan alerting`, and alerting in `everyspan up`."),
    ("up", UpSettings, "`everyspan up` alone, beside all of the above."),
)
_HEAD = """<!-- Written by `make docs` from the settings themselves: change those, not this. -->
# Settings

Every setting is an environment variable. A command's own options, such as `--otlp-http-port`, come
before it; `everyspan COMMAND --help` lists them. The settings of `everyspan replay` are in
[sdk/README.md](../sdk/README.md#options), those of `docker compose up` in
[.env.example](../.env.example), and where alerts fire in
[grafana/thresholds.toml](../grafana/thresholds.toml).
"""
_COMMANDS = """
## Options of commands

Options of commands that end by themselves, which can be given as variables too.
"""
# Defaults that depend on the machine, the terminal or other settings are described, not quoted.
_DESCRIBED = {
    "EVERYSPAN_CLICKHOUSE_DSN": "embedded, in `EVERYSPAN_DATA`",
    "EVERYSPAN_INGEST_WORKERS": "half the cores",
    "EVERYSPAN_CLASSIFY_WORKERS": "half the cores, at most 4",
    "EVERYSPAN_CLASSIFY_THRESHOLDS": "the classifiers' own",
    "EVERYSPAN_ALERT_ROUTES": "to the log",
    "EVERYSPAN_PLAYBOOK": "Everyspan's",
    "EVERYSPAN_FIX_LLM_URL": "the playbook",
    "EVERYSPAN_GRAFANA_RULES": "the rules that come with Everyspan",
    "EVERYSPAN_CLASSIFY_UNTIL": "now",
    "EVERYSPAN_SQL_FORMAT": "by terminal",
    "EVERYSPAN_SCORE_THRESHOLD": "the classifier's own",
    "EVERYSPAN_DEMO_DATA": "a temporary one",
    "EVERYSPAN_ALERTS_STATUS": "all",
    "EVERYSPAN_EXPERIMENT_SINCE": "now",
    "EVERYSPAN_EXPERIMENT_SHIP": "the control",
    "EVERYSPAN_DATASET_HEALTHY": "passed and failed nothing",
    "EVERYSPAN_DATASET_SINCE": "`7d`; refresh: where the version ended",
    "EVERYSPAN_DATASET_UNTIL": "now",
    "EVERYSPAN_DATASET_AUTHOR": "you",
    "EVERYSPAN_DATASET_VERSION": "the newest",
    "EVERYSPAN_CLASSIFIER_ON": "`output`",
    "EVERYSPAN_CLASSIFIER_KIND": "those of the positive spans",
    "EVERYSPAN_CLASSIFIER_MAX_FAIL_RATE": "thresholds.toml's",
    "EVERYSPAN_CLASSIFIER_OUTPUT": "the terminal",
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
    """Markdown: a table a section, of variable, default, unit and meaning."""
    parts, seen = [_HEAD], set[str]()
    for heading, kind, about in SECTIONS:
        rows = [
            f"| `{_variable(name)}` | {_default(name, field)} | {_unit(name, field)} |"
            f" {field.description} |"
            for name, field in kind.model_fields.items()
            if name not in seen
        ]
        seen |= kind.model_fields.keys()
        head = "| variable | default | unit | meaning |\n|---|---|---|---|"
        parts.append("\n".join(["", f"## {heading}", "", about, "", head, *rows, ""]))
    if commands := _commands({_variable(name) for name in seen}):
        head = "| variable | default | command | meaning |\n|---|---|---|---|"
        parts.append("\n".join([_COMMANDS, head, *commands, ""]))
    return "".join(parts)


def _commands(known: set[str]) -> list[str]:
    """Rows of the options whose variable is none of the services'."""
    found: dict[tuple[str, str | None, str], list[str]] = {}
    for command, option in _options():
        variable = str(option.envvar)
        if variable not in known:
            default = "required" if option.required else _shown(variable, option.default)
            found.setdefault((variable, option.help, default), []).append(command)
    return [
        f"| `{variable}` | {default} | {', '.join(of)} | {meaning} |"
        for (variable, meaning, default), of in found.items()
    ]


def _options() -> Iterator[tuple[str, TyperOption]]:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    yield from _options_of(group, "")


def _options_of(group: TyperGroup, above: str) -> Iterator[tuple[str, TyperOption]]:
    for name, command in group.commands.items():
        for parameter in command.params:
            if isinstance(parameter, TyperOption) and parameter.envvar:
                yield f"{above}{name}", parameter
        if isinstance(command, TyperGroup):
            yield from _options_of(command, f"{above}{name} ")


def _variable(name: str) -> str:
    return f"EVERYSPAN_{name.upper()}"


def _default(name: str, field: FieldInfo) -> str:
    value = field.default
    text = _shown(
        _variable(name), value.get_secret_value() if isinstance(value, SecretStr) else value
    )
    if name.endswith("_bytes") and value >= 1 << 20:
        return f"{text} ({value >> 20} MiB)"
    return text


def _shown(variable: str, value: object) -> str:
    if variable in _DESCRIBED:
        return _DESCRIBED[variable]
    if value in ("", None):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _unit(name: str, field: FieldInfo) -> str:
    """Raises KeyError for a number whose name does not say what it counts: add it to _UNITS."""
    (kind,) = {*(get_args(field.annotation) or (field.annotation,))} - {NoneType}
    return _KINDS[kind] if kind in _KINDS else _UNITS[name.split("_")[-1]]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
