"""A stranger's trace: every text of it tries to be obeyed by whoever shows it."""

from __future__ import annotations

import json
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from tests.ingest.otlp_payloads import request, span

#: What data_leakage finds, so that it fails and is quoted.
KEY = "ghp_x7Jq2LmZ9vTb4RkWcYf8NsHdPa3GeU1oViQX"
#: Where a text that was obeyed leaves its mark: it is replaced by a path.
MARK = "MARK-PATH"
FORGED = "2026-11-28 00:00:00,000 WARNING alerting.alerts: forged"

PAYLOADS = (
    "<script>window.pwned=1</script><img src=x onerror=window.pwned=1><svg/onload=window.pwned=1>",
    "</script><script>window.pwned=1</script><!-- ]]> -->\"'><iframe src=https://evil.example>",
    '<a href="javascript:window.pwned=1">j</a> <a href="https://evil.example/x">h</a>',
    "javascript:window.pwned=1 data:text/html,<script>window.pwned=1</script>",
    "[/x][bold red]b[/bold red][link=https://evil.example]l[/link][@click=app.bell]c[/] :boom:",
    "\x1b[2J\x1b[1;31mred\x1b[0m \x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;cm0gLXJmIH4=\x07 \x1b]0;title\x07 \x1bP+q544e\x1b\\ \x9b2J \x9d0;t\x9c \x07\x08\x08",
    f"\n{FORGED}\n\r{FORGED}\r\n{FORGED}\u2028{FORGED}",
    "\u202egnp.exe\u202c \u2066a\u2069 \u2067b\u2069",
    "{{ 7*7 }}{% for x in ().__class__.__subclasses__() %}{{ x }}{% endfor %} ${7*7} $HOME",
    f"$(touch {MARK}) `touch {MARK}` ; touch {MARK} | touch {MARK} && touch {MARK} #",
    "=cmd|' /C calc'!A0 @SUM(1+1)*cmd|' /C calc'!A0 +1+1 -1+1",
    "%s%s%n %(message)s %(asctime)s {0.__class__.__init__.__globals__} {message!r}",
    f"../../../../etc/passwd %2e%2e%2f file://{MARK} \\\\evil.example\\share",
    "'; DROP TABLE everyspan.spans_raw; -- \\' \\\\ \" ` \0",
    "__import__('os').system('touch " + MARK + "') !!python/object/apply:os.system ['true']",
)


def traces(trace: bytes, mark: Path) -> list[ExportTraceServiceRequest]:
    """One trace: for each payload a service, and in it a model's answer that leaks a key and a tool
    that failed, with the payload in every field."""
    found = []
    for payload in PAYLOADS:
        text = payload.replace(MARK, str(mark))
        common = {
            "session.id": text,
            "user.id": text,
            "code.file.path": text,
            "code.line.number": 7,
            "code.function.name": text,
            "everyspan.experiment": text,
            "everyspan.variant": text,
            "gen_ai.prompt.name": text,
            text: text,
        }
        answer = {"role": "assistant", "parts": [{"type": "text", "content": f"{text} {KEY}"}]}
        asked = {"role": "user", "parts": [{"type": "text", "content": text}]}
        model = span(
            trace,
            name=text,
            attributes={
                **common,
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": text,
                "gen_ai.provider.name": text,
                "gen_ai.input.messages": json.dumps([asked]),
                "gen_ai.output.messages": json.dumps([answer]),
            },
        )
        tool = span(
            trace,
            name=text,
            parent_span_id=model.span_id,
            status=Status(code=Status.STATUS_CODE_ERROR, message=f"{text} {KEY}"),
            attributes={
                **common,
                "error.type": text,
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": text,
                "gen_ai.tool.call.arguments": json.dumps({"path": text}),
                "gen_ai.tool.call.result": json.dumps({"error": f"{text} {KEY}"}),
            },
        )
        found.append(request(model, tool, service=text or "x"))
    return found
