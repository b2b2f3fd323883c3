"""README's five lines as they stand, with the real OpenAI SDK and a real instrumentation."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.sdk.receiver import receiving

pytest.importorskip("everyspan", reason="the SDK is not installed: pip install -e sdk")
pytest.importorskip("openai", reason="openai is not installed")
pytest.importorskip("opentelemetry.instrumentation.genai.openai", reason="no instrumentation")

ROOT = Path(__file__).parents[2]


class Completion(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        message = {"role": "assistant", "content": "Hello to you"}
        body = json.dumps(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1,
                "model": "gpt-4.1-mini",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.mark.parametrize("page", ["README.md", "sdk/README.md"])
def test_five_lines(page: str, tmp_path: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    block = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert block is not None
    assert len(block[1].splitlines()) == 5
    (tmp_path / "agent.py").write_text(block[1], encoding="utf-8")
    model = ThreadingHTTPServer(("127.0.0.1", 0), Completion)
    threading.Thread(target=model.serve_forever, daemon=True).start()
    with receiving() as receiver:
        done = subprocess.run(
            [sys.executable, "agent.py"],
            cwd=tmp_path,
            env={
                **os.environ,
                "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
                "OPENAI_BASE_URL": f"http://127.0.0.1:{model.server_address[1]}/v1",
                "OPENAI_API_KEY": "none",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        model.shutdown()
        model.server_close()
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Hello to you\n"
    span = receiver.named("chat gpt-4.1-mini")
    assert span.attributes["code.file.path"] == "agent.py"
    assert span.attributes["code.line.number"] == 4
    assert span.attributes["gen_ai.usage.input_tokens"] == 9
    assert "Hello to you" in span.attributes["gen_ai.output.messages"]
