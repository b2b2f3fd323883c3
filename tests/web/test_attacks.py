"""Only who was given the key or the token changes anything, and no other site's page does for them:
forms across sites, names that lead here, frames, in a real Chromium and on plain sockets."""

from __future__ import annotations

import base64
import json
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.browser import chromium
from tests.everyspan_up import Up
from tests.ingest.otlp_payloads import request, span, trace_id
from tests.service.test_every_route import ask, served, sites
from tests.web.asking import form, get, kept, key, page
from web.key import FILE, cookie
from web.key import key as key_of
from web.settings import WebSettings

REVIEW = "/review/tool_call_error"


@pytest.fixture(scope="module")
def case(up: Up) -> dict[str, str]:
    """A failing step of our own, as a form answers it."""
    trace = trace_id()
    step = span(
        trace,
        name="get_order",
        attributes={
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "get_order",
            "gen_ai.tool.call.result": json.dumps({"error": "order not found"}),
        },
    )
    up.post("/v1/traces", request(step, service="attacked").SerializeToString())
    up.judged([trace.hex()])
    return {"trace_id": trace.hex(), "span_id": step.span_id.hex(), "answer": "right"}


def answers(up: Up, case: dict[str, str]) -> list[str]:
    """On that step."""
    told = up.request("GET", "/v1/reviews?classifier=tool_call_error", port="classify")
    return [e["answer"] for e in json.loads(told.body) if e["trace_id"] == case["trace_id"]]


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": ""},
        {"Cookie": "everyspan-00000000=x"},
        {"Cookie": "a=b; {name}=wrong; c"},
        {"Cookie": "other={key}"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost:{port}"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "", "Sec_Fetch_Site": ""},
        {"Host": "evil.example:{port}", "Origin": "http://evil.example:{port}"},
        {"Host": "127.0.0.1.nip.io", "Origin": "http://127.0.0.1.nip.io"},
        {"Host": "0.0.0.0:{port}", "Origin": "http://0.0.0.0:{port}"},
        {"X_Forwarded_For": "127.0.0.1"},
    ],
    ids=str,
)
def test_each_way_to_send_a_form_from_elsewhere_is_refused(
    up: Up, case: dict[str, str], headers: dict[str, str]
) -> None:
    known = {"port": up.ports["web"], "key": key(up), "name": cookie(SecretStr(key(up)))}
    given = {name: value.format(**known) for name, value in headers.items()}
    for path in (REVIEW, "/alerts/silence", "/alerts/1/resend", "/alerts/silences/1/end"):
        assert form(up, path, case, **given).status == 403, path
    assert answers(up, case) == []


def test_simple_requests_of_ours_must_be_forms(up: Up, case: dict[str, str]) -> None:
    for kind in ("text/plain", "multipart/form-data; boundary=x", "application/json", ""):
        assert form(up, REVIEW, case, Content_Type=kind).status == 400, kind
    assert form(up, REVIEW, {"x": "y" * 20_000}).status == 400
    assert answers(up, case) == []
    away = form(up, REVIEW, {**case, "back": "//evil.example/x"})
    assert away.headers["location"].startswith("/review/")
    assert form(up, REVIEW, {**case, "answer": ""}).status == 303, "taken back"


def test_without_the_key_one_may_look(up: Up, case: dict[str, str]) -> None:
    for path in (REVIEW, f"/traces/{case['trace_id']}", "/alerts"):
        looked = up.request("GET", path, port="web")
        assert looked.status == 200
        assert b'method="post"' not in looked.body, path
        assert b"This browser may only look" in looked.body or path.startswith("/traces")
        assert b"This browser may only look" not in get(up, path).body
    assert get(up, "/enter", key="wrong").status == 403
    assert get(up, "/enter").status == 403
    entered = get(up, "/enter", key=key(up))
    assert (entered.status, entered.headers["location"]) == (303, "/")
    cookie = entered.headers["set-cookie"]
    assert cookie.startswith(f"{kept(up)};")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert key(up) not in page(up, "/")
    assert 'method="post"' in page(up, f"/traces/{case['trace_id']}")


def test_the_key_stays_and_is_its_owner_s_alone(tmp_path: Path) -> None:
    made = key_of(WebSettings(data=tmp_path)).get_secret_value()
    path = tmp_path / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key_of(WebSettings(data=tmp_path)).get_secret_value() == made != ""
    path.write_text("short")
    assert len(key_of(WebSettings(data=tmp_path)).get_secret_value()) == 32
    # A link that somebody put there is not followed.
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("x" * 32)
    path.unlink()
    path.symlink_to(elsewhere)
    assert key_of(WebSettings(data=tmp_path)).get_secret_value() != "x" * 32
    assert elsewhere.read_text() == "x" * 32
    for lay in (
        path.touch,
        lambda: os.mkfifo(path),
        lambda: path.symlink_to("/dev/zero"),
        lambda: path.symlink_to(tmp_path / "nowhere"),
    ):
        path.unlink()
        lay()
        new = key_of(WebSettings(data=tmp_path)).get_secret_value()
        assert path.read_text() == new
        assert not path.is_symlink()
    path.unlink()
    path.mkdir()
    new = key_of(WebSettings(data=tmp_path)).get_secret_value()
    assert new == key_of(WebSettings(data=tmp_path)).get_secret_value() != ""
    path.rmdir()
    assert not key_of(WebSettings(data=tmp_path, web_token="t")).get_secret_value()
    server = WebSettings(data=tmp_path, clickhouse_dsn="http://db:8123")
    assert key_of(server).get_secret_value() == key_of(server).get_secret_value() != made


def test_with_a_token_it_is_what_counts(tmp_path: Path) -> None:
    (site,) = [each for each in sites(tmp_path, web_token="s3cret") if each.name == "web"]
    password = base64.b64encode(b"anybody:s3cret").decode()
    with served(site.app) as port:
        own = {"Origin": f"http://127.0.0.1:{port}", "Authorization": f"Basic {password}"}
        assert ask(port, "POST", REVIEW, **own)[0] == 400, "let in, and no form"
        assert ask(port, "POST", REVIEW, **{**own, "Origin": "https://evil.example"})[0] == 403
        assert ask(port, "POST", REVIEW, Authorization=f"Basic {password}")[0] == 403
        assert ask(port, "POST", REVIEW, Authorization="Bearer s3cret")[0] == 400
        assert ask(port, "POST", REVIEW, Origin=own["Origin"])[0] == 401
        assert ask(port, "GET", "/enter?key=", **own)[0] == 403
    assert not (tmp_path / FILE).exists()


#: What another site's page does to a browser that has the key.
EVIL = """<!doctype html><title>evil</title>
<iframe src="{target}" onload="window.framed = true"></iframe>
<form id="f" method="post" action="{target}" {kind} target="{where}">{fields}</form>
<script>
addEventListener("load", async () => {{
  const seen = [];
  const types = ["text/plain", "application/x-www-form-urlencoded"];
  for (const mode of ["no-cors", "cors"]) for (const type of types) {{
    try {{
      const answer = await fetch("{target}", {{ method: "POST", mode, credentials: "include",
        headers: {{ "content-type": type }}, body: "{body}" }});
      seen.push(answer.type + answer.status);
    }} catch (error) {{ seen.push("refused"); }}
  }}
  try {{
    seen.push((await (await fetch("{target}", {{ credentials: "include" }})).text()).length);
  }} catch (error) {{ seen.push("unread"); }}
  document.title = JSON.stringify(seen);
}});
</script>"""


@contextmanager
def evil(pages: dict[str, str]) -> Iterator[int]:
    """A site of somebody else's on a port of its own."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path, "").encode()
            self.send_response(200 if body else 404)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """In which names of the attacker's lead to this machine."""
    with chromium("--host-resolver-rules=MAP *.example 127.0.0.1") as started:
        yield started


def test_a_browser_with_the_key_is_used_by_no_other_page(
    up: Up, case: dict[str, str], browser: Any
) -> None:
    ours = f"127.0.0.1:{up.ports['web']}"
    fields = "".join(f'<input name="{n}" value="{v}">' for n, v in case.items())
    body = "&".join(f"{n}={v}" for n, v in case.items())
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(f"http://{ours}/enter?key={key(up)}")
    assert opened.url == f"http://{ours}/", "it has the key"
    made: dict[str, str] = {}
    rebound = f"http://ours.example:{up.ports['web']}"
    targets = {
        "plain": f"http://{ours}{REVIEW}",
        "rebound": f"{rebound}{REVIEW}",
    }
    for name, target in targets.items():
        for kind in ("", 'enctype="text/plain"', 'enctype="multipart/form-data"'):
            made[f"/{name}{len(kind)}"] = EVIL.format(
                target=target, kind=kind, fields=fields, body=body, where="_self"
            )
    with evil(made) as port:
        # Another port of this machine is the same site to cookies; another name is not.
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"evil.example:{port}"):
            for path in made:
                opened.goto(f"http://{host}{path}")
                opened.wait_for_function("document.title !== 'evil'")
                seen = json.loads(opened.title())
                assert set(seen) <= {"opaque0", "refused", "unread"}, (host, path, seen)
                assert opened.frames[1].url.startswith("chrome-error:"), "nobody frames us"
                with opened.expect_navigation() as moved:
                    opened.evaluate("document.getElementById('f').submit()")
                assert moved.value.status == 403, (host, path)
                assert answers(up, case) in ([], [""]), (host, path)
    # A name of the attacker's that leads to our port: its pages are of one origin with it.
    opened.goto(f"{rebound}/traces")
    assert "is not served here" in opened.content()
    # The same browser, from a page of ours.
    opened.goto(f"http://{ours}/traces/{case['trace_id']}")
    opened.click("button:has-text('wrong verdict')")
    opened.wait_for_url("**step=1**")
    assert answers(up, case)[-1] == "wrong"
    context.close()
