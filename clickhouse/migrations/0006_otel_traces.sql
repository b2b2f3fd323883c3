-- Our rows under the column names of the OpenTelemetry Collector's ClickHouse exporter, for what
-- knows those: the trace explorer and the shipped boards of Grafana's ClickHouse plugin. The kind
-- of span is not kept; it follows from the step: the root serves, models and retrievals are called.
CREATE OR REPLACE VIEW $database.otel_traces $on_cluster AS
SELECT
    start_time AS Timestamp,
    trace_id AS TraceId,
    span_id AS SpanId,
    parent_span_id AS ParentSpanId,
    '' AS TraceState,
    name AS SpanName,
    multiIf(parent_span_id = '', 'Server',
        step_kind IN ('llm', 'embedding', 'retrieval', 'reranker'), 'Client', 'Internal') AS SpanKind,
    service_name AS ServiceName,
    resource_attributes AS ResourceAttributes,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    attributes AS SpanAttributes,
    toUInt64(greatest(0, duration_ms * 1e6)) AS Duration,
    multiIf(status = 'error', 'Error', status = 'ok', 'Ok', 'Unset') AS StatusCode,
    status_message AS StatusMessage,
    arrayMap(event -> toDateTime64(parseDateTime64BestEffortOrZero(
        JSONExtractString(event, 'time'), 9, 'UTC'), 9, 'UTC'), JSONExtractArrayRaw(events))
        AS `Events.Timestamp`,
    arrayMap(event -> JSONExtractString(event, 'name'), JSONExtractArrayRaw(events))
        AS `Events.Name`,
    arrayMap(event -> JSONExtract(event, 'attributes', 'Map(String, String)'),
        JSONExtractArrayRaw(events)) AS `Events.Attributes`,
    arrayMap(link -> JSONExtractString(link, 'trace_id'), JSONExtractArrayRaw(links))
        AS `Links.TraceId`,
    arrayMap(link -> JSONExtractString(link, 'span_id'), JSONExtractArrayRaw(links))
        AS `Links.SpanId`,
    arrayMap(link -> JSONExtractString(link, 'trace_state'), JSONExtractArrayRaw(links))
        AS `Links.TraceState`,
    arrayMap(link -> JSONExtract(link, 'attributes', 'Map(String, String)'),
        JSONExtractArrayRaw(links)) AS `Links.Attributes`
FROM $database.spans;

-- The exporter fills a table of this name so that a trace is looked up by time; here the bloom
-- filter on trace_id does it.
CREATE OR REPLACE VIEW $database.otel_traces_trace_id_ts $on_cluster AS
SELECT trace_id AS TraceId, min(start_time) AS Start, max(start_time) AS End
FROM $database.spans
GROUP BY trace_id;
