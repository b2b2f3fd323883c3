"""A stranger's trace makes a replay run, import, read and ask nothing that its user didn't name."""

from __future__ import annotations

import base64
import json
import os
import pickle
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.replay.running import Replays
from tests.replay.strangers import Watched, folder_of_agent, send, watched


class Attack:
    """Replays in a folder with an agent, of which `mark` shows that something ran."""

    def __init__(self, replays: Replays, folder: Path) -> None:
        self.replays = replays
        self.folder = folder
        self.mark = folder_of_agent(folder)

    def send(self, *steps: dict[str, Any], **resource: str) -> str:
        return send(self.replays.up, *steps, **resource)

    def replay(self, traces: list[str], *arguments: str, **environment: str) -> list[Watched]:
        return self.commands([["replay", t, "--no-judge", *arguments] for t in traces], environment)

    def commands(self, commands: list[list[str]], environment: dict[str, str]) -> list[Watched]:
        return watched(commands, self.folder, self.replays._environment(environment))


@pytest.fixture
def attack(replays: Replays, tmp_path: Path) -> Attack:
    return Attack(replays, tmp_path)


ENTRIES = (
    "os:system",
    "posix:system",
    "subprocess:run",
    "subprocess:getoutput",
    "builtins:exec",
    "builtins:eval",
    "builtins:__import__",
    "runpy:run_path",
    "planted:run",
    "my_agent:os.system",
    "my_agent:subprocess.getoutput",
    "my_agent:helper",
    "my_agent:save",
    "my_agent:shell",
    "my_agent:deploy",
    "my_agent:Bot.run",
    "my_agent:answer.__globals__",
    "my_agent.answer:__call__",
    "__main__:main",
    "everyspan:init",
    "everyspan.replay.command:replay",
    "os:system; touch mark",
    "$(touch mark):x",
    "../planted:run",
    "/etc/passwd:x",
    "os:system\n",
    "my_agent:answer\x1b[2J",
)


def test_an_entry_of_a_trace_is_never_imported(attack: Attack) -> None:
    """`everyspan.entry=os:system` with a shell command as its input ran that command."""
    command = f"touch {attack.mark}"
    step = {"name": "x", "input.value": command, "openinference.span.kind": "CHAIN"}
    traces = [attack.send(step, everyspan_entry=entry) for entry in ENTRIES]
    for entry, done in zip(ENTRIES, attack.replay(traces, "--from-step", "1"), strict=True):
        assert done.status == 1, entry
        assert "which function runs the agent?" in done.err, entry
        assert "declared here: my_agent:agent, my_agent:answer." in done.err, entry
        assert "--entry my_agent:run" in done.err
        assert "[tool.everyspan.replay] load = " in done.err
        assert not done.programs, entry
        assert not done.did("planted"), entry
        assert not done.did("passwd"), entry
        assert not attack.mark.exists(), entry
        assert "\x1b" not in done.err


def test_a_root_of_a_trace_calls_declared_agents_only(attack: Attack) -> None:
    command = f"touch {attack.mark}"
    names = [
        "os.system",
        "planted.run",
        "my_agent.shell",
        "my_agent.save",
        "my_agent.deploy",
        "my_agent.Bot.run",
        "my_agent.helper",
        "__main__.helper",
        "__main__.main",
    ]
    held = {
        "input.value": json.dumps({"command": command, "path": str(attack.mark), "text": "x"}),
        "everyspan.step.arguments": json.dumps({"command": command}),
        "openinference.span.kind": "CHAIN",
        "code.file.path": "../../../../etc/passwd",
        "code.line.number": 1,
    }
    steps = [{"name": name, "code.function.name": name, **held} for name in names]
    agent = {**steps[0], "code.function.name": "my_agent.agent"}
    traces = [attack.send(step) for step in [*steps, agent]]
    *others, declared = attack.replay(traces, "--from-step", "1", "--json")
    for name, done in zip(names, others, strict=True):
        assert done.status == 0, (name, done.err)
        # The only one under @everyspan.entry, whatever the trace begins with.
        assert "answered" in json.loads(done.out)["runs"][0]["value"]
        assert not done.programs, name
        assert not done.did("passwd"), name
    (run,) = json.loads(declared.out)["runs"]
    assert "invoke_agent agent is called" in run["stopped"], "a declared agent is what it names"
    assert not attack.mark.exists()


def test_nothing_is_loaded_that_the_user_did_not_name(attack: Attack) -> None:
    (attack.folder / "pyproject.toml").unlink()
    trace = attack.send({"name": "x", "input.value": "x"}, everyspan_entry="planted:run")
    (done,) = attack.replay([trace], "--from-step", "1")
    assert done.status == 1
    assert "the trace names the entry planted:run, which nothing loaded here declares" in done.err
    assert "declared here: none" in done.err
    assert not done.did("my_agent")
    loaded, given = attack.commands(
        [
            ["replay", trace, "--from-step", "1", "--no-judge", "--load", "my_agent"],
            ["replay", trace, "--from-step", "1", "--no-judge", "--entry", "planted:run"],
        ],
        {},
    )
    assert "declared here: my_agent:agent, my_agent:answer." in loaded.err
    assert not loaded.did("planted")
    assert given.did("planted"), "what the user names is the user's"


@pytest.mark.parametrize("text", ["load = 3", 'load = "my_agent"', "[tool]\neveryspan = 3", "load"])
def test_a_table_that_can_not_be_read_is_said(attack: Attack, text: str) -> None:
    whole = text if text.startswith("[") else f"[tool.everyspan.replay]\n{text}\n"
    (attack.folder / "pyproject.toml").write_text(whole)
    (done,) = attack.replay([attack.send({"name": "x"})], "--from-step", "1")
    assert done.status == 1
    assert "pyproject.toml" in done.err
    assert "Traceback" not in done.err


def _values(mark: str) -> dict[str, Any]:
    touch = ["touch", mark]
    pickled = base64.b64encode(pickle.dumps(_Reduced(mark))).decode()
    return {
        "a program": {"$namedtuple": "subprocess:Popen", "value": [touch]},
        "a model": {"$model": "subprocess:Popen", "value": touch},
        "a dataclass": {"$dataclass": "subprocess:Popen", "value": {"args": touch}},
        "an enum": {"$enum": "subprocess:Popen", "value": touch},
        "through a module": {"$namedtuple": "my_agent:subprocess.Popen", "value": [touch]},
        "a file": {"$namedtuple": "_io:FileIO", "value": [mark, "w"]},
        "a path": {"$namedtuple": "pathlib:Path", "value": [mark]},
        "a lazy module": {"$dataclass": "concurrent.futures:ProcessPoolExecutor", "value": {}},
        "no class": {"$dataclass": "my_agent:helper", "value": {"command": f"touch {mark}"}},
        "a pickle": {"$bytes": pickled, "$pickle": pickled},
        "only a pickle": {"$pickle": pickled},
        "attributes": {"__class__": "subprocess.Popen", "__reduce__": touch, "args": touch},
        "LangChain's": {
            "lc": 2, "type": "constructor", "id": ["os", "system"], "args": [f"touch {mark}"],
        },
        "YAML's": f"!!python/object/apply:os.system ['touch {mark}']",
        "of a wrong form": {"$set": [[1]]},
        "no bytes": {"$bytes": 7},
        "no items": {"$namedtuple": "my_agent:Order", "value": 3},
        "too many digits": {"$decimal": ["x"]},
    }  # fmt: skip


class _Reduced:
    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.mark}",)


def _looked(attack: Attack, result: str, **more: Any) -> str:
    """A trace of `agent` whose `look` gave back what the text says."""
    called = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look"}
    return attack.send(
        {
            "name": "invoke_agent agent",
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "agent",
            "code.function.name": "my_agent.agent",
            "gen_ai.input.messages": json.dumps(
                [{"role": "user", "parts": [{"type": "text", "content": "1"}]}]
            ),
        },
        {
            "name": "execute_tool look",
            **called,
            "gen_ai.tool.call.arguments": '{"number": "1"}',
            "gen_ai.tool.call.result": result,
            "everyspan.step.result": result,
            **more,
        },
        {"name": "last", "openinference.span.kind": "CHAIN", "input.value": "x"},
    )


def test_values_of_a_trace_make_no_object_of_a_strangers_choice(attack: Attack) -> None:
    values = _values(str(attack.mark))
    traces = [_looked(attack, json.dumps(value)) for value in values.values()]
    nested = _looked(attack, "[" * 20_000)
    found = attack.replay(
        [*traces, nested], "--from-step", "3", "--on-mismatch", "record", "--json"
    )
    for name, done in zip([*values, "nested"], found, strict=True):
        assert not attack.mark.exists(), name
        assert not done.programs, name
        assert not done.did(str(attack.mark)), name
        assert "Traceback" not in done.err, name
        if name == "nested":
            continue  # it may be said to be too deep before anything runs
        (run,) = json.loads(done.out)["runs"]
        if name in ("attributes", "LangChain's"):
            assert run["value"] == "last of dict", name
        elif name == "YAML's":
            assert run["value"] == "last of str", name
        elif name == "a pickle":
            assert run["value"] == "last of bytes", "never read as more"
        else:
            assert "can't be answered" in run["stopped"], (name, run)


def test_values_of_the_users_own_classes_come_back(attack: Attack) -> None:
    value = {"$dataclass": "my_agent:Order", "value": {"number": "1"}}
    trace = _looked(attack, json.dumps(value))
    (done,) = attack.replay([trace], "--from-step", "3", "--on-mismatch", "record", "--json")
    assert json.loads(done.out)["runs"][0]["value"] == "last of Order"


def test_no_constructor_of_the_users_own_classes_is_called(attack: Attack) -> None:
    value = {"$dataclass": "my_agent:Danger", "value": {"command": f"touch {attack.mark}"}}
    trace = _looked(attack, json.dumps(value))
    (done,) = attack.replay([trace], "--from-step", "3", "--on-mismatch", "record", "--json")
    assert json.loads(done.out)["runs"][0]["value"] == "last of Danger"
    assert not attack.mark.exists()


def test_exceptions_of_a_trace_call_no_library(attack: Attack) -> None:
    for name in ("subprocess.Popen", "os.system", "my_agent.subprocess.Popen", "builtins.exec"):
        trace = _looked(
            attack,
            "null",
            **{"error": f"touch {attack.mark}", "error.type": name},
            **{"everyspan.step.exception": json.dumps([f"touch {attack.mark}"])},
        )
        (done,) = attack.replay([trace], "--from-step", "3", "--on-mismatch", "record", "--json")
        assert "ReplayedError" in json.loads(done.out)["runs"][0]["error"]
        assert not done.programs
        assert not attack.mark.exists()


# --- where requests go ---


@contextmanager
def _server(status: int = 200, location: str = "") -> Iterator[tuple[str, list[dict[str, Any]]]]:
    taken: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            taken.append({"headers": dict(self.headers), "body": json.loads(raw or b"{}")})
            said = {"role": "assistant", "content": "hello"}
            body = json.dumps({"id": "1", "model": "m", "choices": [{"message": said}]}).encode()
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", taken
    finally:
        server.shutdown()
        server.server_close()


def _asked(attack: Attack, base: str) -> str:
    """A model call that says in every way that it went to `base`."""
    tool = {"type": "mcp", "name": "x", "server_url": base, "server_label": "x", "url": base}
    parameters = {
        "base_url": base,
        "api_base": base,
        "extra_headers": {"Host": "x"},
        "tools": [tool],
    }
    messages = [{"role": "user", "parts": [{"type": "text", "content": "hello"}]}]
    return attack.send(
        {
            "name": "chat",
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "m",
            "gen_ai.input.messages": json.dumps(messages),
            "gen_ai.tool.definitions": json.dumps([tool]),
            "llm.invocation_parameters": json.dumps(parameters),
            "server.address": base,
            "url.full": f"{base}/v1/chat/completions",
            "gen_ai.openai.api_base": base,
            "http.url": base,
        },
        everyspan_base_url=base,
        OPENAI_BASE_URL=base,
    )


def test_a_trace_does_not_choose_where_the_key_goes(attack: Attack) -> None:
    with _server() as (strangers, stolen), _server() as (own, taken):
        trace = _asked(attack, strangers)
        environment = {"OPENAI_BASE_URL": f"{own}/v1", "OPENAI_API_KEY": "my-own-key"}
        arguments = ("--step", "1", "--only", "--json")
        chat, other = attack.commands(
            [
                ["replay", trace, "--no-judge", *arguments],
                ["replay", trace, "--no-judge", *arguments, "--api", "responses"],
            ],
            environment,
        )
    assert json.loads(chat.out)["runs"][0]["answer"] == "hello"
    assert other.out
    assert stolen == []
    assert len(taken) == 2
    port = strangers.rpartition(":")[2]
    for one in taken:
        assert one["headers"]["Authorization"] == "Bearer my-own-key"
        assert "base_url" not in one["body"]
        assert [tool["type"] for tool in one["body"]["tools"]] == ["function"]
        assert strangers not in json.dumps(one["body"])
    assert not chat.did(f"({port}")
    assert not chat.did(f", {port})")


def test_a_redirect_is_not_followed_with_the_key(attack: Attack) -> None:
    with _server() as (strangers, stolen), _server(302, f"{strangers}/x") as (own, taken):
        trace = _asked(attack, strangers)
        environment = {"OPENAI_BASE_URL": f"{own}/v1", "OPENAI_API_KEY": "my-own-key"}
        (done,) = attack.replay([trace], "--step", "1", "--only", "--json", **environment)
    assert "answered 302" in json.loads(done.out)["runs"][0]["error"]
    assert len(taken) == 1
    assert stolen == []


# --- what a terminal shows ---

NASTY = "x\x1b[2J\x1b]0;owned\x07\x9b31m\u202eevil\u2066\r\nerror: forged\x00\x7f\u2028"


def _drives(text: str) -> list[str]:
    shown = {"Cc", "Cf", "Zl", "Zp", "Cs"}
    return [c for c in text if c != "\n" and unicodedata.category(c) in shown]


def test_texts_of_a_trace_do_not_drive_the_terminal(attack: Attack) -> None:
    nasty = {"name": NASTY, "input.value": NASTY, "output.value": NASTY, "code.file.path": NASTY}
    kind = {"openinference.span.kind": "CHAIN", "code.line.number": 3, "code.function.name": NASTY}
    first = attack.send({**nasty, **kind}, {**nasty, "error": NASTY, "error.type": NASTY})
    other = attack.send({**nasty, **kind, "output.value": f"{NASTY} other"}, everyspan_entry=NASTY)
    found = attack.commands(
        [
            ["diff", first, other],
            ["diff", first, other, "--json"],
            ["replay", first, "--no-judge"],
            ["replay", first, "--no-judge", "--from-step", "1"],
            ["replay", first, "--no-judge", "--from-step", "1", "--json"],
            ["replay", other, "--no-judge", "--from-step", "1"],
            ["replay", first, "--no-judge", "--step", "1", "--only"],
        ],
        {},
    )
    for done in found:
        assert done.out + done.err
        assert _drives(done.out) == []
        assert _drives(done.err) == []
        assert not any(line.startswith("error: forged") for line in done.err.splitlines())
        assert not any(line.startswith("error: forged") for line in done.out.splitlines())
    assert "\\x1b[2J" in found[0].out
    assert json.loads(found[1].out)["steps"][0]["name"].startswith("x\x1b[2J"), "the same as data"
