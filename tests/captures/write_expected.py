"""Writes ``expected.json`` of every Python capture from the hand-written lists.

Only ids and generated session ids are copied from the payload, so that a new recording needs no
new typing. Run: ``python write_expected.py``; it fails where a payload's spans are not the listed
ones.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import expected_frameworks
import expected_openai
from expectations import CONVERSATION, Fields, Listed, without
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PAYLOADS = Path(__file__).parent / "payloads"


def spans_of(folder: Path) -> list[Fields]:
    """Name, ids (hex), start and conversation id of a capture's spans, in order of start."""
    found = []
    for path in sorted(folder.glob("[0-9]*_traces.*")):
        body = path.read_bytes()
        body = gzip.decompress(body) if path.suffix == ".gz" else body
        if ".json" in path.name:
            requests = json.loads(body)["resourceSpans"]
            for span in (s for r in requests for g in r["scopeSpans"] for s in g["spans"]):
                texts = {
                    a["key"]: a["value"].get("stringValue") for a in span.get("attributes", [])
                }
                ids = (span["spanId"], span.get("parentSpanId", ""))
                start = int(span["startTimeUnixNano"])
                found.append((start, span["name"], *ids, texts.get(CONVERSATION)))
        else:
            request = ExportTraceServiceRequest.FromString(body)
            for group in (g for r in request.resource_spans for g in r.scope_spans):
                for each in group.spans:
                    texts = {a.key: a.value.string_value for a in each.attributes}
                    ids = (each.span_id.hex(), each.parent_span_id.hex())
                    start = each.start_time_unix_nano
                    found.append((start, each.name, *ids, texts.get(CONVERSATION)))
    keys = ("start", "name", "span_id", "parent_span_id", "conversation")
    return [dict(zip(keys, values, strict=True)) for values in sorted(found)]


def expected_document(listed: Listed, spans: list[Fields]) -> Fields:
    """The content of ``expected.json``."""
    written: list[Fields] = []
    twins: dict[str, list[str]] = {}
    total = {"input_tokens": 0, "output_tokens": 0}
    for (name, fields), span in zip(listed, spans, strict=True):
        if name != span["name"]:
            raise SystemExit(f"listed {name!r}, payload has {span['name']!r}")
        row = {"name": name, "span_id": span["span_id"], "parent_span_id": span["parent_span_id"]}
        row |= without(fields, "call", "spent")
        if row.get("session_id") == CONVERSATION:
            row["session_id"] = span["conversation"]
        spent = fields.get("spent", fields)
        call = str(fields.get("call", span["span_id"]))
        if call not in twins:
            for kind in total:
                total[kind] += spent.get(kind) or 0
        twins.setdefault(call, []).append(span["span_id"])
        written.append(row)
    pairs = [ids for ids in twins.values() if len(ids) > 1]
    return {"spans": written, "total": total, **({"twins": pairs} if pairs else {})}


def main() -> int:
    """Write every listed capture's file; the exit status counts captures without a list."""
    missing = 0
    scenarios = {**expected_openai.SCENARIOS, **expected_frameworks.SCENARIOS}
    for (library, scenario), listed in scenarios.items():
        folder = PAYLOADS / library / scenario
        spans = spans_of(folder)
        if len(spans) != len(listed):
            names = [s["name"] for s in spans]
            print(f"{library}/{scenario}: {len(listed)} spans listed, payload has {names}")
            missing += 1
            continue
        document = expected_document(listed, spans)
        text = json.dumps(document, indent=1, ensure_ascii=False)
        (folder / "expected.json").write_text(text + "\n")
    return missing


if __name__ == "__main__":
    sys.exit(main())
