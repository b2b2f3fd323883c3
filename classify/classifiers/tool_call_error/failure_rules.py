"""failure_text.yaml, read once."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

RULES_FILE = Path(__file__).with_name("failure_text.yaml")


class _Pattern(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pattern: re.Pattern[str]
    score: float
    max_length: int = 1_000_000_000
    #: Words of a shell or of the program itself, also before text that it prints.
    shell: bool = False


class FailureRules(BaseModel):
    """failure_text.yaml; what each field means is written there."""

    model_config = ConfigDict(extra="forbid")

    flags: dict[str, float]
    success_flags: dict[str, float]
    code_field: re.Pattern[str]
    errors: dict[str, float]
    status_fields: frozenset[str]
    status_words: dict[str, float]
    weak_status_words: dict[str, float]
    reasons: frozenset[str]
    http_status_fields: frozenset[str]
    wrappers: frozenset[str]
    text_fields: frozenset[str]
    empty: frozenset[str]
    start: list[_Pattern]
    edit: list[_Pattern]
    line: list[_Pattern]
    control_flow: frozenset[str]
    framework_tools: frozenset[str]
    content_tools: re.Pattern[str]
    edit_tools: re.Pattern[str]


@cache
def rules() -> FailureRules:
    """Raises pydantic's ValidationError naming the field of a broken file."""
    return FailureRules.model_validate(yaml.safe_load(RULES_FILE.read_text("utf-8")))
