"""The table of settings in README.md, from the settings classes themselves.

python -m cli.settings_table        # write it
"""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from alerting.settings import AlertingSettings
from classify.settings import ClassifySettings
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
    return "\n".join(lines) + "\n"


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
