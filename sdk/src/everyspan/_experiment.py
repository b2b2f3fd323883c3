"""`everyspan.variant()`: assign a unit, and put experiment and variant on every span that follows.

The exposure is an event `feature_flag.evaluation` (open-telemetry/semantic-conventions, feature
flags) on the span that runs, or on the first that starts afterwards.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from typing import ClassVar, cast

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context

from everyspan import _context
from everyspan._definitions import Definitions, logger

#: All experiments at once: JSON objects of experiment to variant, and of experiment to unit.
EXPERIMENTS = "everyspan.experiments"
UNITS = "everyspan.experiment_units"
EVENT = "feature_flag.evaluation"

_PENDING = otel_context.create_key("everyspan.exposures")
#: Where the context tells the unit: name of it in a definition to the context's attribute.
_UNITS = {"session": "session.id", "user": "user.id"}


class _State:
    """The definitions of this process, and which troubles were told of."""

    definitions: Definitions | None = None
    told: ClassVar[set[tuple[str, str]]] = set()
    lock = threading.Lock()


def configure(source: str | None) -> None:
    """`None`: EVERYSPAN_EXPERIMENTS. Raises ValueError for a file that can't be used."""
    _State.definitions = Definitions(
        os.environ.get("EVERYSPAN_EXPERIMENTS", "") if source is None else source
    )


def variant(experiment: str, *, unit: object = None, default: str | None = None) -> str | None:
    """The variant of `unit` in `experiment`, recorded on this span and all that follow in context.

    experiment   name in the TOML file or of `everyspan experiment start`.
    unit         what is assigned and later compared, such as the session's id; left out: session
                 or user of the enclosing `everyspan.context`, as the definition says.
    default      what an experiment that is not known gives.

    The same unit always gets the same variant. Never raises and never waits: an unknown
    experiment gives `default`, a unit that is missing the control, each with one warning in the
    log, and nothing is recorded. A stopped experiment gives its winner, else its control. Units
    that take no part get the control. What is recorded ends with the enclosing
    `everyspan.context`, step or task.
    """
    try:
        return _variant(str(experiment), unit, default)
    except Exception as error:  # telemetry must never break the application
        _tell(str(experiment), f"variant() failed: {error!r}")
        return default


def _variant(name: str, unit: object, default: str | None) -> str | None:
    if _State.definitions is None:
        with _State.lock:
            if _State.definitions is None:
                configure(None)
    definitions = _State.definitions
    found = definitions.find(name) if definitions is not None else None
    if found is None:
        where = definitions.source if definitions is not None else ""
        _tell(
            name,
            f"is not in {where.rpartition('@')[2]}"
            if where
            else "is not known: set EVERYSPAN_EXPERIMENTS to a TOML file or to ClickHouse's URL",
        )
        return default
    context = _context.current() or {}
    who = context.get(_UNITS.get(found.unit, "")) if unit is None else str(unit)
    if not who:
        _tell(name, f"got no unit: give unit=, or everyspan.context({found.unit}=…) around it")
        return found.control
    given, recorded = found.assigned(who)
    if recorded:
        _record(context, name, recorded, who)
    return given


def _record(context: Mapping[str, str], name: str, recorded: str, unit: str) -> None:
    variants = _object(context.get(EXPERIMENTS))
    units = _object(context.get(UNITS))
    if variants.get(name) == recorded and units.get(name) == unit:
        return
    added = {
        "everyspan.experiment": name,
        "everyspan.variant": recorded,
        EXPERIMENTS: json.dumps({**variants, name: recorded}, ensure_ascii=False),
        UNITS: json.dumps({**units, name: unit}, ensure_ascii=False),
    }
    event = {
        "feature_flag.key": name,
        "feature_flag.result.variant": recorded,
        "feature_flag.result.reason": "split",
        "feature_flag.context.id": unit,
        "feature_flag.provider.name": "everyspan",
    }
    now = otel_context.set_value(_context.KEY, {**context, **added})
    span = trace.get_current_span()
    if span.is_recording():
        span.set_attributes(added)
        span.add_event(EVENT, event)
    else:
        now = otel_context.set_value(_PENDING, [*exposures(now), event], now)
    otel_context.attach(now)  # for what follows: detached with whatever encloses this


def exposures(of: Context | None) -> list[dict[str, str]]:
    """Events that wait for a span in this context; each is given once."""
    waiting = _pending(of)
    taken = list(waiting)
    waiting.clear()
    return taken


def _pending(of: Context | None) -> list[dict[str, str]]:
    return cast("list[dict[str, str]]", otel_context.get_value(_PENDING, of) or [])


def _object(text: str | None) -> dict[str, str]:
    return cast("dict[str, str]", json.loads(text)) if text else {}


def _tell(name: str, what: str) -> None:
    """Once for each experiment and trouble: this runs with every request."""
    if (name, what) not in _State.told:
        _State.told.add((name, what))
        logger.warning("everyspan: experiment %r %s", name, what)
