"""Data that somebody wrote: a key that there is none of is an error, and says which there are."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel


def known_keys(model: type[BaseModel], given: Any) -> Any:
    """What was given, for a validator before all others. Raises ValueError."""
    if not isinstance(given, dict):
        return given
    for key in given:
        if key not in model.model_fields:
            near = get_close_matches(str(key), model.model_fields, 1)
            meant = f"did you mean {near[0]}? " if near else ""
            raise ValueError(
                f"{str(key)[:60]}: there is no such key; {meant}known are"
                f" {', '.join(model.model_fields)}"
            )
    return given
