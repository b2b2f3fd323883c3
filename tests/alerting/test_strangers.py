"""What `everyspan up` sends by itself holds no command that a stranger's trace wrote."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.alerting.stand_in import stand_in, wait
from tests.everyspan_up import running
from tests.ingest.otlp_payloads import key_value, request, span, trace_id

LEAK = "Your key is ghp_x7Jq2LmZ9vTb4RkWcYf8NsHdPa3GeU1oViQX."


def test_an_alert_does_not_end_in_a_strangers_command(tmp_path: Path) -> None:
    """It ended in `everyspan replay … --entry os:system`, ready to paste."""
    secret = tmp_path / "secret.py"
    secret.write_text("token = 'kept at home'\n")
    sources = tmp_path / "agent"
    sources.mkdir()
    (sources / "link.py").symlink_to(secret)
    routes = tmp_path / "routes.toml"
    with stand_in(pagerduty=False) as taker:
        routes.write_text(
            f'[destinations.own]\ntype = "webhook"\nurl = "{taker.url}"\n\n'
            '[[routes]]\ndestinations = ["own"]\n'
        )
        settings = {"alert_routes": str(routes), "source_roots": f"/app={sources}"}
        with running(tmp_path / "data", grafana_evaluate_seconds="1", **settings) as up:
            for entry, file in (("os:system", "/app/../secret.py"), ("$(id):x", "/app/link.py")):
                message = request(
                    span(
                        trace_id(),
                        name="chat",
                        attributes={
                            "gen_ai.operation.name": "chat",
                            "input.value": "touch /tmp/run-by-a-trace",
                            "code.file.path": file,
                            "code.line.number": 1,
                            "gen_ai.output.messages": json.dumps(
                                [
                                    {
                                        "role": "assistant",
                                        "parts": [{"type": "text", "content": LEAK}],
                                    }
                                ]
                            ),
                        },
                    ),
                    service=f"shop {file}",
                )
                message.resource_spans[0].resource.attributes.append(
                    key_value("everyspan.entry", entry)
                )
                up.post("/v1/traces", message.SerializeToString())
            wait(lambda: len(taker.taken) >= 2, lambda: (taker.tried, up.log()), 60)
    for body in taker.taken:
        told = json.dumps(body)
        (failure,) = body["case"]["failures"][:1]
        command = f"everyspan replay {failure['trace_id']} --from-step 1"
        assert re.fullmatch(r"everyspan replay [0-9a-f]{32} --from-step 1", command)
        assert failure["replay_command"] == command
        assert f"replay         {command}\n" in body["text"]
        assert "os:system" not in told
        assert "$(id)" not in told
        assert "touch /tmp" not in told
        assert "kept at home" not in told
        assert failure["source"]["lines"] == []
        known = "link" not in body["labels"]["service"]
        note = "the trace names no known entry"
        assert (note in body["text"]) is not known
