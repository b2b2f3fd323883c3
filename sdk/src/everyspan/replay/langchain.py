"""LangChain: its cache gives recorded answers of models, its tools ask the record first.

LangChain's callbacks can watch a call but not answer it, so tools are answered where they run; the
callbacks see the call as always.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from everyspan.replay.answers import Answer, error_of
from everyspan.replay.model_calls import ModelCalls
from everyspan.replay.record import Step
from everyspan.replay.session import Session
from everyspan.replay.spans import Run
from everyspan.replay.wire.spoken import of_messages, said

_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}


# --- models ---


@contextmanager
def models(calls: ModelCalls, run: Run) -> Iterator[None]:
    """The record is LangChain's cache of model answers meanwhile."""
    globals_ = import_module("langchain_core.globals")
    before = globals_.get_llm_cache()
    globals_.set_llm_cache(_cache(calls, run))
    try:
        yield
    finally:
        globals_.set_llm_cache(before)


def _cache(calls: ModelCalls, run: Run) -> Any:
    base = import_module("langchain_core.caches").BaseCache

    class Record(base):  # type: ignore[misc, valid-type]
        def lookup(self, prompt: str, llm_string: str) -> Any:
            messages = _messages(prompt)
            if messages is None:  # a completion model, which has no messages
                return None
            told = of_messages(messages, [])
            recorded = calls.decide(told)
            if recorded is None:
                if any(name in llm_string.lower() for name in ("openai", "anthropic")):
                    calls.passed.append(told)  # the endpoint sees it next
                return None
            error = error_of(recorded)
            if error is not None:
                raise error
            return [_generation(recorded, run)]

        def update(self, prompt: str, llm_string: str, return_val: Any) -> None:
            """Nothing is kept: what runs, runs each time."""

        def clear(self, **kwargs: Any) -> None:
            """Nothing is held."""

    return Record()


def _messages(prompt: str) -> list[dict[str, Any]] | None:
    """LangChain's serialised messages as those of the GenAI conventions."""
    try:
        found = json.loads(prompt)
    except ValueError:
        return None
    if not isinstance(found, list):
        return None
    return [_message(each.get("kwargs") or {}) for each in found if isinstance(each, dict)]


def _message(held: Mapping[str, Any]) -> dict[str, Any]:
    role = _ROLES.get(str(held.get("type")), str(held.get("role") or held.get("type")))
    content = held.get("content")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
    texts = [
        b if isinstance(b, str) else str(b.get("text", ""))
        for b in blocks
        if isinstance(b, str) or b.get("type") == "text"
    ]
    if role == "tool":
        parts = [{"type": "tool_call_response", "response": "\n".join(texts)}]
        return {"role": role, "parts": parts}
    made: list[dict[str, Any]] = [{"type": "text", "content": t} for t in texts if t]
    made += [
        {"type": "tool_call", "name": call.get("name"), "arguments": call.get("args")}
        for call in held.get("tool_calls") or []
    ]
    return {"role": role, "parts": made}


def _generation(recorded: Step, run: Run) -> Any:
    messages = import_module("langchain_core.messages")
    outputs = import_module("langchain_core.outputs")
    one = said(recorded)[0]
    identity = f"replay-{recorded.span_id}"
    run.answered[identity] = recorded
    tokens = {
        "input_tokens": recorded.input_tokens or 0,
        "output_tokens": recorded.output_tokens or 0,
    }
    message = messages.AIMessage(
        content=one.text,
        id=identity,
        tool_calls=[
            {
                "id": made.id,
                "name": made.name,
                "args": json.loads(made.arguments),
                "type": "tool_call",
            }
            for made in one.calls
        ],
        usage_metadata={**tokens, "total_tokens": recorded.tokens},
        response_metadata={"model_name": recorded.model, "id": identity},
    )
    return outputs.ChatGeneration(message=message)


# --- tools ---


class _Tool:
    """A tool of LangChain as the session takes a step."""

    kind = "tool"

    def __init__(self, tool: Any, session: Session) -> None:
        self.name = str(tool.name)
        recorded = (s for s in session.trace.steps if s.kind == "tool" and self.name == s.tool_name)
        self.span_name = next((s.name for s in recorded), self.name)
        self.unsafe = bool((tool.metadata or {}).get("unsafe")) or "unsafe" in (tool.tags or [])
        self.function: Callable[..., Any] = getattr(tool, "func", None) or tool._run

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        return kwargs

    def given(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """As instrumentations show it: the only value alone."""
        only = next(iter(arguments.values())) if len(arguments) == 1 else arguments
        text = only if isinstance(only, str) else json.dumps(only, ensure_ascii=False, default=str)
        return {"input.value": text}


@contextmanager
def tools(session: Session, run: Run) -> Iterator[None]:
    """Every tool asks the session first."""
    base = import_module("langchain_core.tools").BaseTool
    sync, asynchronous = base.run, base.arun

    @functools.wraps(sync)
    def run_(self: Any, tool_input: Any, *args: Any, **kwargs: Any) -> Any:
        tool, changed = _decided(self, tool_input, session, run)
        return sync(tool, changed, *args, **kwargs)

    @functools.wraps(asynchronous)
    async def arun(self: Any, tool_input: Any, *args: Any, **kwargs: Any) -> Any:
        tool, changed = _decided(self, tool_input, session, run)
        return await asynchronous(tool, changed, *args, **kwargs)

    base.run, base.arun = run_, arun
    try:
        yield
    finally:
        base.run, base.arun = sync, asynchronous


def _decided(tool: Any, tool_input: Any, session: Session, run: Run) -> tuple[Any, Any]:
    """`(the tool, or one that gives the recorded answer; its input)`."""
    own = tool_input if isinstance(tool_input, dict) else {"input": tool_input}
    hidden = tool._filter_injected_args(own) if hasattr(tool, "_filter_injected_args") else own
    step = _Tool(tool, session)
    answer, _, changed = session.decide(step, (), dict(hidden))  # type: ignore[arg-type]
    if isinstance(answer, Answer):
        run.waiting.setdefault(step.span_name, []).append(answer.step)
        return _standing_in(tool, answer), tool_input
    if changed == hidden:
        return tool, tool_input
    return tool, {**own, **changed} if isinstance(tool_input, dict) else changed.get("input")


def _standing_in(tool: Any, answer: Answer) -> Any:
    def recorded(*args: Any, **kwargs: Any) -> Any:
        value = answer.result()
        text = answer.step.output
        try:
            same = json.loads(text) == value
        except ValueError:
            same = text == value
        return text if same else value

    async def arecorded(*args: Any, **kwargs: Any) -> Any:
        return recorded()

    made = tool.model_copy(update={"response_format": "content"})
    for name, function in (("_run", recorded), ("_arun", arecorded)):
        object.__setattr__(made, name, function)
    return made
