"""Thresholds that are relative to a service's own traffic, as `EVERYSPAN_CLASSIFY_THRESHOLDS` asks:
``hallucination=p99`` fails what is likelier to be one than 99 % of this service's rows were.

Quantiles of the last seven days, computed by ClickHouse once an hour. A row keeps the verdict of
the hour in which it was judged. A service with few rows yet has the classifier's own threshold.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence

from clickhouse_connect.driver.client import Client

from classify.classifier import Classifier
from classify.signals.weighed import Weighed

#: Classifier to service to the score from which on its rows fail.
Limits = dict[str, dict[str, float]]

_REFRESH_SECONDS = 3600.0
_DAYS = 7
_FEWEST_ROWS = 500
#: What is likelier healthy than not fails nowhere, however healthy the rest is.
_LEAST = 0.5


def limits(client: Client, database: str, quantiles: Mapping[str, float]) -> Limits:
    """``quantiles``: of each classifier, 0 to 1. Raises clickhouse-connect's errors."""
    found: Limits = {}
    for name, quantile in quantiles.items():
        judged = f"{name} IN ('pass', 'fail')"
        rows = client.query(
            f"SELECT service_name, quantileTDigestIf({quantile:g})({name}_score, {judged})"
            f" FROM {database}.spans WHERE start_time >= now() - INTERVAL {_DAYS} DAY"
            f" AND replay_of = '' GROUP BY service_name HAVING countIf({judged}) >= {_FEWEST_ROWS}"
        ).result_rows
        found[name] = {service: max(_LEAST, float(score)) for service, score in rows}
    return found


def with_limits(classifiers: Sequence[Classifier], found: Limits) -> Sequence[Classifier]:
    """The classifiers, those named with these limits."""
    if not found:
        return classifiers
    made = []
    for classifier in classifiers:
        if isinstance(classifier, Weighed) and classifier.name in found:
            classifier = copy.copy(classifier)
            classifier.limits = found[classifier.name]
        made.append(classifier)
    return made


class OwnTraffic:
    """The limits of now. For one thread."""

    def __init__(self, classifiers: Sequence[Classifier], database: str) -> None:
        self._quantiles = {
            each.name: each.quantile
            for each in classifiers
            if isinstance(each, Weighed) and each.quantile
        }
        self._database = database
        self._at = 0.0
        self._limits: Limits = {}

    def limits(self, client: Client) -> Limits:
        """Raises clickhouse-connect's errors."""
        now = time.monotonic()
        if self._quantiles and (not self._at or now - self._at >= _REFRESH_SECONDS):
            self._limits = limits(client, self._database, self._quantiles)
            self._at = now
        return self._limits
