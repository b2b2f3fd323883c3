"""Mute: what a silence matches is recorded, and told only if it still fires afterwards."""

from __future__ import annotations

from collections.abc import Sequence

from alerting.notification import Alert
from alerting.store.silences import Silence
from alerting.store.store import Store


def is_muted(alert: Alert, silences: Sequence[Silence]) -> bool:
    """Whether a silence matches it."""
    return any(silence.matches(alert.labels) for silence in silences)


def end(store: Store, number: int) -> bool:
    """End a silence; False where there is none of that id. The pipeline tells what it kept back."""
    return store.silences.remove(number)
