"""Whether a call is the recorded one: the same name and arguments, and if not, where they differ.

Both sides are compared as the attributes that the step records, so nothing is lost on either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from everyspan import _exact, _values
from everyspan.replay.record import Step, before_cut, is_cut

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_MOST = 80
#: Attributes that say what a step was given; the exact one, where it is there, says it all.
_GIVEN = (
    _exact.ARGUMENTS,
    "gen_ai.tool.call.arguments",
    "gen_ai.input.messages",
    "gen_ai.retrieval.query.text",
    "input.value",
)


def difference(
    recorded: Step, given: Mapping[str, Any], ignored: Collection[str] = ()
) -> str | None:
    """Where the arguments differ, as a sentence; None where they are the same.

    `ignored`: names of arguments that are not compared. Of what was cut when it was recorded the
    part that is there is compared.
    """
    if recorded.attribute(_exact.CAPTURED) == "false":
        return None
    for name in _GIVEN:
        if name in given or name in recorded.attributes:
            then, now = recorded.attribute(name), given.get(name)
            if then is None or now is None:
                return "its arguments are recorded in another form"
            return _text_difference(then, str(now), ignored)
    return None


def _text_difference(then: str, now: str, ignored: Collection[str]) -> str | None:
    then, now = _ADDRESS.sub("", then), _ADDRESS.sub("", now)
    then = then.replace('"__main__:', f'"{_values.main}:')
    if then == now:
        return None
    if is_cut(then):
        kept = before_cut(then)
        if now.startswith(kept):
            return None
        return f"recorded {_short(then)}, now {_short(now)} (the record is cut)"
    return first_difference(_parsed(then), _parsed(now), ignored=ignored)


def first_difference(
    then: Any, now: Any, where: str = "", ignored: Collection[str] = ()
) -> str | None:
    """`a.b[2]: recorded 3, now 4` of two JSON values; None where they are equal."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in [*then, *(key for key in now if key not in then)]:
            if not where and key in ignored:
                continue
            here = f"{where}.{key}" if where else str(key)
            if key not in now:
                return f"{here}: recorded {_short(then[key])}, now missing"
            if key not in then:
                return f"{here}: now {_short(now[key])}, not there when recorded"
            found = first_difference(then[key], now[key], here)
            if found is not None:
                return found
        return None
    if isinstance(then, list) and isinstance(now, list):
        for index, (one, other) in enumerate(zip(then, now, strict=False)):
            found = first_difference(one, other, f"{where}[{index}]")
            if found is not None:
                return found
        if len(then) == len(now):
            return None
        return f"{where or 'the list'}: {len(then)} items recorded, now {len(now)}"
    if then == now and type(then) is type(now):
        return None
    if isinstance(then, (int, float)) and isinstance(now, (int, float)) and then == now:
        return None
    return f"{where}: {_told(then, now)}" if where else _told(then, now)


def _told(then: Any, now: Any) -> str:
    if isinstance(then, str) and isinstance(now, str):
        at = next((i for i, (a, b) in enumerate(zip(then, now, strict=False)) if a != b), None)
        at = min(len(then), len(now)) if at is None else at
        if at > _MOST // 2:
            return (
                f"from character {at}: recorded {_short('…' + then[at - 10 :])}, "
                f"now {_short('…' + now[at - 10 :])}"
            )
    return f"recorded {_short(then)}, now {_short(now)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else repr(value)
    return text if len(text) <= _MOST else text[:_MOST] + "…"


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
