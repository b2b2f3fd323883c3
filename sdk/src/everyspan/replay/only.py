"""`--step K --only`: the recorded model call once more, without the agent.

Each answer is a trace: the call, and the documents and tool results that it rested on, so that the
classifiers judge the answer by the same context.
"""

from __future__ import annotations

import argparse
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry import trace as otel

from everyspan import _setup
from everyspan.replay.answers import SOURCE, SOURCE_STEP
from everyspan.replay.changes import Changes, Patch, parse, read_patch
from everyspan.replay.errors import ReplayError
from everyspan.replay.http_client import opener
from everyspan.replay.model_calls import ModelCalls
from everyspan.replay.record import Step, Trace
from everyspan.replay.session import Policy, Session
from everyspan.replay.spans import Run, RunSpans
from everyspan.replay.wire import APIS, Api
from everyspan.replay.wire.spoken import messages_of, parameters_of

_SECONDS = 600
_HOSTS = {"messages": "https://api.anthropic.com/v1"}
_tracer = otel.get_tracer("everyspan.replay")


@dataclass
class Sent:
    """One answer. `error`: why there is none."""

    run: Run
    text: str = ""
    error: str = ""
    tokens: int = 0


@dataclass(frozen=True)
class Target:
    """Where the call goes."""

    api: Api
    url: str
    headers: Mapping[str, str]


def send(
    trace: Trace, step: Step, given: argparse.Namespace, times: int, environ: Mapping[str, str]
) -> tuple[list[Sent], Session]:
    """Sends it `times` times. Raises ReplayError where it can't be sent at all."""
    if step.kind != "llm":
        raise ReplayError(
            f"--only sends a model call again, and step {step.number} ({step.name}) is of the kind "
            f"{step.kind}; its model calls are: "
            + (", ".join(f"{s.number} ({s.name})" for s in trace.model_calls) or "none")
        )
    if not step.messages("input"):
        raise ReplayError(
            f"step {step.number} ({step.name}) has no messages: its content was not captured, or "
            "was cut when it was stored"
        )
    target = _target(step, given, environ)
    patch = read_patch(given.patch) if given.patch else Patch()
    changes = Changes(trace, step, tuple(parse(given.set, trace, step)), patch)
    session = Session(trace, step, Policy(), changes)
    body = ModelCalls(session).changed(target.api, target.api.request(step), first=True)
    _setup.init(service=trace.root.resource.get("service.name"), instrument=False)
    spans = RunSpans()
    provider: Any = otel.get_tracer_provider()
    spans.install(provider)
    found = []
    for number in range(1, times + 1):
        run = Run(session, number)
        spans.run = run
        found.append(_once(run, target, body, trace, step))
        _setup.flush()
        spans.run = None
    return found, session


def _once(run: Run, target: Target, body: dict[str, Any], trace: Trace, step: Step) -> Sent:
    with _tracer.start_as_current_span("replay", attributes={"openinference.span.kind": "CHAIN"}):
        for one in trace.steps[: step.number - 1]:
            if one.kind in ("retrieval", "reranker", "tool"):
                _repeat(one, run.session)
        kind = otel.SpanKind.CLIENT
        with _tracer.start_as_current_span(
            f"chat {body['model']}", kind=kind, attributes=_asked(target.api, body, step)
        ) as span:
            sent = Sent(run)
            try:
                answer = _post(target, body)
            except ReplayError as error:
                sent.error = str(error)
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(otel.Status(otel.StatusCode.ERROR, sent.error))
                return sent
            said = target.api.heard(answer)
            tokens_in, tokens_out = target.api.usage(answer)
            span.set_attributes(
                {
                    "gen_ai.response.id": str(answer.get("id", "")),
                    "gen_ai.response.model": str(answer.get("model", body["model"])),
                    "gen_ai.output.messages": _json(said),
                    "gen_ai.usage.input_tokens": tokens_in,
                    "gen_ai.usage.output_tokens": tokens_out,
                }
            )
            sent.tokens = tokens_in + tokens_out
            sent.text = " ".join(_shown(part) for message in said for part in message["parts"])
            return sent


def _repeat(step: Step, session: Session) -> None:
    """A recorded retrieval or tool call as a step of the new trace."""
    documents: list[Any] = list(step.documents)
    changed, _ = session.changes.result(step, documents)
    attributes: dict[str, Any] = {SOURCE: "record", SOURCE_STEP: step.number}
    if step.kind == "tool":
        attributes |= {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": step.tool_name,
            "gen_ai.tool.call.arguments": step.attribute("gen_ai.tool.call.arguments")
            or step.input,
            "gen_ai.tool.call.result": step.attribute("gen_ai.tool.call.result") or step.output,
        }
    else:
        attributes |= {
            "gen_ai.operation.name": "retrieval",
            "gen_ai.retrieval.query.text": step.input,
            "gen_ai.retrieval.documents": _json([{"content": d} for d in changed]),
        }
    with _tracer.start_as_current_span(step.name, attributes=attributes):
        pass


def _asked(api: Api, body: dict[str, Any], step: Step) -> dict[str, Any]:
    told = api.spoken(body)
    found: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": step.provider or "openai",
        "gen_ai.request.model": str(body["model"]),
        "gen_ai.input.messages": _json(messages_of(told)),
    }
    if told.instructions:
        parts = [{"type": "text", "content": told.instructions}]
        found["gen_ai.system_instructions"] = _json(parts)
    if step.tool_definitions:
        found["gen_ai.tool.definitions"] = step.tool_definitions
    for name in parameters_of(step):
        if isinstance(body.get(name), (int, float, str)):
            found[f"gen_ai.request.{name}"] = body[name]
    return found


def _target(step: Step, given: argparse.Namespace, environ: Mapping[str, str]) -> Target:
    name = given.api or ("messages" if step.provider == "anthropic" else "chat")
    api = next((api for api in APIS if name == api.NAME), None)
    if api is None:
        raise ReplayError(f"--api {name!r} is none of {', '.join(a.NAME for a in APIS)}")
    anthropic = name == "messages"
    variable = "ANTHROPIC_BASE_URL" if anthropic else "OPENAI_BASE_URL"
    base = given.base_url or environ.get(variable)
    if base and anthropic and not base.rstrip("/").endswith("/v1"):
        base = f"{base.rstrip('/')}/v1"
    key = environ.get("ANTHROPIC_API_KEY" if anthropic else "OPENAI_API_KEY", "")
    if not base and not key:
        raise ReplayError(
            f"where does the call go? Give --base-url or {variable}, or the provider's key in "
            f"{variable.replace('BASE_URL', 'API_KEY')}"
        )
    base = (base or _HOSTS.get(name, "https://api.openai.com/v1")).rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise ReplayError(f"--base-url {base!r} is no http(s) address such as https://host/v1")
    headers = {"Content-Type": "application/json"}
    if anthropic:
        headers["anthropic-version"] = "2023-06-01"
    if key:
        headers |= {"x-api-key": key} if anthropic else {"Authorization": f"Bearer {key}"}
    for text in given.header:
        head, equals, value = text.partition("=")
        if not equals:
            raise ReplayError(f"--header {text!r} is no NAME=VALUE")
        headers[head] = value
    return Target(api, f"{base}{api.PATH}", headers)


def _post(target: Target, body: dict[str, Any]) -> dict[str, Any]:
    """Raises ReplayError for anything but an answer."""
    data = json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - http(s) only, see `_target`
        target.url, data=data, headers=dict(target.headers), method="POST"
    )
    for attempt in (1, 2, 3):
        try:
            with opener(target.url).open(request, timeout=_SECONDS) as answer:
                found = json.loads(answer.read())
                if isinstance(found, dict):
                    return found
                raise ReplayError(f"{target.url} answered no JSON object")
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace").strip()[:500]
            if error.code not in (429, 503, 529) or attempt == 3:
                raise ReplayError(f"{target.url} answered {error.code}: {said}") from error
            time.sleep(attempt)
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise ReplayError(f"{target.url} does not answer: {reason}") from error
    raise AssertionError("the last attempt answers or raises")


def _shown(part: Mapping[str, Any]) -> str:
    if part.get("type") == "tool_call":
        return f"{part.get('name')}({_json(part.get('arguments'))})"
    return str(part.get("content") or "")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
