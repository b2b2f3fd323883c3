"""Whose alert it is: the project whose rows it is about, or the operator's."""

from __future__ import annotations

from collections.abc import Mapping


def whose(labels: Mapping[str, str]) -> str | None:
    """The project, '' for the default one, which Grafana sends no label of. None: it is about the
    stack or another system, the operator's affair."""
    if project := labels.get("project"):
        return project
    # Each rule of ours says its kind, and of rows whose they are.
    about_rows = "service" in labels or "experiment" in labels
    return "" if "kind" in labels and about_rows else None
