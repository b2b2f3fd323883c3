"""The table of settings in README.md, from the settings classes themselves.

python -m cli.settings_table        # write it
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings
from typer.core import TyperGroup, TyperOption

from alerting.settings import AlertingSettings
from classify.settings import ClassifySettings
from cli.main import app
from clickhouse.settings import ClickHouseSettings
from ingest.settings import IngestSettings
from service.stack_settings import UpSettings

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- settings -->\n", "<!-- /settings -->"
CLASSES: dict[str, type[BaseSettings]] = {
    "all": ClickHouseSettings,
    "ingest": IngestSettings,
    "classify": ClassifySettings,
    "alerting": AlertingSettings,
    "up": UpSettings,
}
# What depends on the machine is described, not quoted.
_DESCRIBED = {
    "ingest_workers": "half the cores",
    "classify_workers": "half the cores, at most 4",
    "grafana_rules": "the rules that come with Everyspan",
}


def table() -> str:
    """Markdown: variable, default, service, meaning."""
    users: dict[str, list[str]] = {}
    fields: dict[str, FieldInfo] = {}
    for service, kind in CLASSES.items():
        for name, field in kind.model_fields.items():
            fields.setdefault(name, field)
            if "all" not in users.setdefault(name, []):
                users[name].append(service)
    lines = ["| variable | default | used by | meaning |", "|---|---|---|---|"]
    for name, field in fields.items():
        lines.append(
            f"| `EVERYSPAN_{name.upper()}` | {_default(name, field)} | {', '.join(users[name])} |"
            f" {field.description} |"
        )
    known = {f"EVERYSPAN_{name.upper()}" for name in fields}
    commands: dict[tuple[object, object], list[str]] = {}
    for command, parameter in _options():
        if parameter.envvar not in known:
            commands.setdefault((parameter.envvar, parameter.help), []).append(command)
    for (variable, meaning), of in commands.items():
        lines.append(f"| `{variable}` | none | {', '.join(of)} | {meaning} |")
    return "\n".join(lines) + "\n"


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


def with_table(text: str) -> str:
    """README's text with the table as it should be."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


def _default(name: str, field: FieldInfo) -> str:
    if name in _DESCRIBED:
        return _DESCRIBED[name]
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return f"`{value}`" if value not in ("", None) else "none"


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
