"""What the service says about itself, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from clickhouse.set_aside import SetAside

_MOST_TRACERS = 200
_LONGEST_LABEL = 100


class Telemetry:
    """The metrics of one classify service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.rows = Counter(
            "everyspan_classify_rows_total",
            "Rows written with their verdicts.",
            registry=self.registry,
        )
        self.settled_rows = Counter(
            "everyspan_classify_settled_rows_total",
            "Rows whose numbers were found to count on another one, or again on them, before their"
            " verdicts.",
            registry=self.registry,
        )
        self.verdicts = Counter(
            "everyspan_classify_verdicts_total",
            "Verdicts written, by classifier and label.",
            ["classifier", "label"],
            registry=self.registry,
        )
        self.batch_seconds = Histogram(
            "everyspan_classify_batch_seconds",
            "From the start of loading a batch until it is stored.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
            registry=self.registry,
        )
        self.errors = Counter(
            "everyspan_classify_errors_total",
            "Errors by where: a classifier's name (its verdict is then abstained with the"
            " error as evidence, or still owed where it is broken), usage, late_content, vectors,"
            " classifier_files (one of the folder can't be read), worker (a process died), trace"
            " (put off after a storage error), storage (ClickHouse refused or did not answer).",
            ["where"],
            registry=self.registry,
        )
        self.reused_ids = Counter(
            "everyspan_classify_reused_ids_total",
            "Rows of runs that used the ids of an earlier run again; see id_reuse in the schema.",
            registry=self.registry,
        )
        self.broken = Gauge(
            "everyspan_classify_broken",
            "1 while a classifier can't judge; its rows wait. Besides classifiers: vectors (of"
            " texts, made ahead), model (a file that none of them needs now), 'detector NAME' (it"
            " has no say; its classifier judges without it).",
            ["classifier"],
            registry=self.registry,
        )
        self.registry.register(SetAside())
        self.not_understood = Counter(
            "everyspan_classify_not_understood_total",
            "Steps without what their kind should have, by tracer, its version and what is missing"
            " (model, tokens, input, output, name); from 200 tracers on as 'others'.",
            ["scope", "version", "lacks"],
            registry=self.registry,
        )
        self._tracers: set[tuple[str, str]] = set()
        self.pending_rows = Gauge(
            "everyspan_classify_pending_rows",
            "Rows of the last two days that wait for a verdict.",
            registry=self.registry,
        )
        self.outdated_rows = Gauge(
            "everyspan_classify_outdated_rows",
            "Rows of the last two days judged by an older classifier set; they are judged again.",
            registry=self.registry,
        )
        self.lag_seconds = Gauge(
            "everyspan_classify_lag_seconds",
            "How long the oldest trace that is due has been due; 0 where none is.",
            ["share"],
            registry=self.registry,
        )
        self.shares = Gauge(
            "everyspan_classify_shares",
            "Shares of the traces that this worker holds; 0 beside an embedded engine, where none"
            " are leased.",
            registry=self.registry,
        )
        self.leases_lost = Counter(
            "everyspan_classify_leases_lost_total",
            "How often this worker was taken for dead while it lived: it was halted, or ClickHouse"
            " did not answer for longer than EVERYSPAN_CLASSIFY_LEASE_SECONDS.",
            registry=self.registry,
        )
        self.coverage = Gauge(
            "everyspan_classify_coverage_ratio",
            "Rows of the last two days that have all their verdicts, 0 to 1;"
            " 1 where there are no rows.",
            registry=self.registry,
        )
        self.version = Gauge(
            "everyspan_classify_verdict_version",
            "Number of the deployed classifier set.",
            registry=self.registry,
        )

    def count_gap(self, gap: tuple[str, str, str], steps: int) -> None:
        """``gap``: tracer's name, its version, what is missing. Names are senders' own: bounded."""
        *tracer, lacks = gap
        scope, version = (each[:_LONGEST_LABEL] for each in tracer)
        if (scope, version) not in self._tracers:
            if len(self._tracers) >= _MOST_TRACERS:
                scope, version = "others", ""
            self._tracers.add((scope, version))
        self.not_understood.labels(scope, version, lacks).inc(steps)
