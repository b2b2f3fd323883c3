"""Mute: what a silence matches is recorded, and told only if it still fires afterwards."""

from __future__ import annotations

from collections.abc import Sequence

from alerting.notification import Alert
from alerting.store.silences import Silence


def is_muted(alert: Alert, silences: Sequence[Silence]) -> bool:
    """Whether a silence matches it."""
    return any(silence.matches(alert.labels) for silence in silences)
