"""`everyspan.init()`: export, source lines and instrumentations in one call."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from opentelemetry import trace
from opentelemetry._logs import get_logger_provider, set_logger_provider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider

from everyspan import (
    _content,
    _delivery,
    _entries,
    _experiment,
    _export,
    _git,
    _ids,
    _instrumentation,
    _masking,
    _notices,
    _source,
    _step,
    versions,
)
from everyspan._closing import Closer
from everyspan._export import CountingExporter, ExportCounts


@dataclass(frozen=True)
class _Setup:
    provider: TracerProvider
    logs: LoggerProvider
    exporter: CountingExporter
    spans: _export.SpanProcessor
    records: _export.LogProcessor


_lock = threading.Lock()
_setup: _Setup | None = None
#: Set by a replay: the process runs an agent against the record.
replaying = False
#: The replay called init(); the agent's own call decides on the instrumentations.
provisional = False


def init(
    service: str | None = None,
    endpoint: str | None = None,
    *,
    token: str | None = None,
    environment: str | None = None,
    version: str | None = None,
    instrument: bool | Sequence[str] = True,
    capture_content: bool = True,
    mask: _masking.Mask | None = None,
    experiments: str | os.PathLike[str] | None = None,
    entry: str | None = None,
    quiet: bool | None = None,
) -> None:
    """Sends this process's traces to Everyspan, or to any OTLP/HTTP receiver.

    service          service.name; left out: OTEL_SERVICE_NAME.
    endpoint         base URL; left out: OTEL_EXPORTER_OTLP_ENDPOINT or http://127.0.0.1:4318.
    token            bearer token; left out: EVERYSPAN_INGEST_TOKEN.
    environment      deployment.environment.name.
    version          service.version.
    instrument       True: every GenAI instrumentation installed; or a list of names; or False.
    capture_content  False: no prompts, answers, arguments or results leave the process.
    mask             True: secrets and personal data are taken out of all that is sent; or some of
                     their kinds; or a function from a text to what may be sent; left out:
                     EVERYSPAN_MASK.
    experiments      TOML file or ClickHouse's URL for `variant`; left out: EVERYSPAN_EXPERIMENTS.
    entry            `module:function` that runs the agent, for `everyspan replay`: declared like
                     `everyspan.entry`, and named by every trace.
    quiet            True: says nothing of what it turned on, of what is missing, nor of an endpoint
                     that does not answer; left out: EVERYSPAN_QUIET.

    A TracerProvider of the OpenTelemetry SDK that is set already gets our processors and keeps
    its resource; its ids come from the system's random numbers where they came from `random`.
    Raises RuntimeError where the provider set is of another make, ValueError for an endpoint that
    is no URL, an entry that is no module:function, a kind to mask that is none,
    EVERYSPAN_EXIT_SECONDS that is no number and a file of experiments that can't be used. A second
    call warns and changes nothing.
    """
    global _setup, provisional
    if entry:
        _entries.of_init(entry)
    with _lock:
        if _setup is not None and provisional:
            provisional = False
            _notices.set_quiet(quiet)
            _instrumentation.set_content_variables(capture_content)
            _instrumentation.turn_on(instrument)
            return
        if _setup is not None:
            warnings.warn(
                "everyspan.init was called before in this process; this call changes nothing",
                RuntimeWarning,
                stacklevel=2,
            )
            return
        traces_url = _export.signal_endpoint(endpoint, "traces")
        logs_url = _export.signal_endpoint(endpoint, "logs")
        headers = _export.headers(token)
        exit_seconds = _delivery.exit_seconds()
        masking = _masking.of_init(mask)
        _experiment.configure(None if experiments is None else os.fspath(experiments))

        checkout = _find_checkout()
        sources = _source.Sources(checkout.root if checkout is not None else Path.cwd())
        git = _git.attributes(checkout)
        resource = _resource(service, version, environment, entry, git)

        provider, reused = _tracer_provider(resource)
        # A provider made elsewhere has its resource already: its spans carry ours themselves.
        missing = {k: v for k, v in git.items() if k not in provider.resource.attributes}
        provider.add_span_processor(_source.SourceProcessor(sources, missing if reused else None))
        delivery = _delivery.Delivery(_delivery.base(_export.shown(traces_url)), exit_seconds)
        closer = Closer(delivery.worth_waiting, delivery.gave_up)
        exporter = CountingExporter(
            endpoint=traces_url, headers=headers, session=_delivery.session(delivery)
        )
        exporter.masking = masking
        spans = _export.SpanProcessor(exporter, closer)
        provider.add_span_processor(spans)

        # Some instrumentations send prompts and answers as log records, not on the span.
        logs = _logger_provider(resource)
        log_exporter = _export.LogExporter(
            endpoint=logs_url, headers=headers, session=_delivery.session(delivery)
        )
        log_exporter.masking = masking
        records = _export.LogProcessor(log_exporter, closer)
        logs.add_log_record_processor(records)

        _content.capture.enabled = capture_content
        _step.sources = sources
        _setup = _Setup(provider, logs, exporter, spans, records)
        _notices.set_quiet(quiet)
        if reused:
            _ids.secure(provider)
            atexit.register(_flush_at_exit, _setup)  # its owner may not flush at exit
            if service and provider.resource.attributes.get("service.name") != service:
                warnings.warn(
                    f"everyspan.init: the TracerProvider set before names its service "
                    f"{provider.resource.attributes.get('service.name')!r}, which stays; "
                    f"call init first, or name the service there, to have {service!r}",
                    RuntimeWarning,
                    stacklevel=2,
                )
    _instrumentation.set_content_variables(capture_content)
    found = _instrumentation.turn_on(instrument)
    if replaying:
        return
    for level, text in _notices.opening(
        str(provider.resource.attributes.get("service.name")), delivery.endpoint, instrument, found
    ):
        _notices.say(text, level)
    if not found.on and _records_everything(provider):
        atexit.register(_say_if_nothing_was_recorded, spans, os.getpid())


def _flush_at_exit(setup: _Setup) -> None:
    setup.spans.flush_at_exit()
    setup.records.flush_at_exit()


def _records_everything(provider: TracerProvider) -> bool:
    """Whether the sampler leaves no span out, so that none recorded means none made."""
    return "AlwaysOn" in provider.sampler.get_description().partition(",")[0]


def _say_if_nothing_was_recorded(spans: _export.SpanProcessor, process: int) -> None:
    if os.getpid() == process and not spans.any_span and not _step.decorated:
        _notices.say(_notices.NOTHING_RECORDED)


def flush(timeout_seconds: float = 30.0) -> bool:
    """Sends what is waiting; False when that did not finish in time, or init was not called."""
    setup = _setup
    if setup is None:
        return False
    milliseconds = int(timeout_seconds * 1000)
    spans = setup.provider.force_flush(milliseconds)
    logs = setup.logs.force_flush(milliseconds)
    return spans and logs


def shutdown() -> None:
    """Sends what is waiting and ends export for good. Runs by itself when the process exits."""
    setup = _setup
    if setup is not None:
        setup.provider.shutdown()
        setup.logs.shutdown()


def export_counts() -> ExportCounts:
    """How many spans the server acknowledged and how many it did not, so far."""
    if _setup is None:
        return ExportCounts(sent=0, failed=0)
    return ExportCounts(_setup.exporter.sent, _setup.exporter.failed)


def _find_checkout() -> _git.Checkout | None:
    """The checkout of the program that runs, else of the current folder."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if main and (checkout := _git.find(Path(main).resolve().parent)) is not None:
        return checkout
    return _git.find(Path.cwd())


def _resource(
    service: str | None,
    version: str | None,
    environment: str | None,
    entry: str | None,
    git: dict[str, str],
) -> Resource:
    given: dict[str, str | None] = {
        "service.name": service,
        "service.version": version,
        "deployment.environment.name": environment,
        "everyspan.entry": entry,
        "telemetry.distro.name": versions.DISTRIBUTION,
        "telemetry.distro.version": versions.own(),
    }
    attributes = {name: value for name, value in given.items() if value}
    # What was read from .git gives way to OTEL_RESOURCE_ATTRIBUTES, arguments do not.
    from_environment = OTELResourceDetector().detect().attributes
    attributes.update({k: v for k, v in git.items() if k not in from_environment})
    return Resource.create(attributes)


def _tracer_provider(resource: Resource) -> tuple[TracerProvider, bool]:
    """`(provider, whether it was there before)`."""
    present = trace.get_tracer_provider()
    if isinstance(present, TracerProvider):
        return present, True
    if not isinstance(present, trace.ProxyTracerProvider):
        raise RuntimeError(
            f"everyspan.init: the TracerProvider set is a {type(present).__module__}."
            f"{type(present).__qualname__}, to which no span processor can be added. Call "
            "everyspan.init() before the code that sets it, or set an "
            "opentelemetry.sdk.trace.TracerProvider there."
        )
    provider = TracerProvider(resource=resource, id_generator=_ids.SystemIdGenerator())
    trace.set_tracer_provider(provider)
    return provider, False


def _logger_provider(resource: Resource) -> LoggerProvider:
    present = get_logger_provider()
    if isinstance(present, LoggerProvider):
        return present
    provider = LoggerProvider(resource=resource)
    set_logger_provider(provider)
    return provider
