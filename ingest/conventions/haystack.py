"""Haystack's own tracing. Source: deepset-ai/haystack, tracing and Agent, as captured from 2.x.

Components, agents and pipelines record input and output as JSON; a chat generator's usage and model
are in the ``meta`` of its replies.
"""

from __future__ import annotations

from typing import Any

from ingest.conventions.answers import data_of
from ingest.conventions.convention import Attributes, Convention, Draft

#: End of a component's type to step kind; the first that fits counts.
_COMPONENTS = (
    ("PromptBuilder", "prompt"),
    ("AnswerBuilder", "parser"),
    ("Builder", "prompt"),
    ("Generator", "llm"),
    ("Ranker", "reranker"),
    ("Retriever", "retrieval"),
    ("Embedder", "embedding"),
    ("WebSearch", "retrieval"),
    ("ToolInvoker", "chain"),
    ("Agent", "agent"),
    ("Router", "chain"),
    ("Evaluator", "evaluator"),
    ("Parser", "parser"),
    ("Validator", "guardrail"),
)


def content(attributes: Attributes, draft: Draft) -> None:
    """The kind of a component by its type; the question of a retriever beside its filters."""
    component = attributes.get("haystack.component.type")
    if isinstance(component, str):
        for end, kind in _COMPONENTS:
            if component.endswith(end):
                draft.set("step_kind", kind)
                break
        else:
            draft.set("step_kind", "chain")
    for step, kind in (("llm", "llm"), ("tool", "tool")):
        if f"haystack.agent.step.{step}.input" in attributes:
            draft.set("step_kind", kind)
    if "haystack.agent.max_steps" in attributes:
        draft.set("step_kind", "agent")
    elif "haystack.agent.step" in attributes:
        draft.set("step_kind", "chain")
    _from_input(data_of(attributes.get("haystack.component.input")), draft)
    if draft.get("step_kind") == "prompt":
        prompt = data_of(attributes.get("haystack.component.output"))
        if isinstance(prompt, dict) and "prompt" in prompt:
            draft.values["output"] = prompt["prompt"]


def _from_input(given: Any, draft: Draft) -> None:
    if not isinstance(given, dict):
        return
    if draft.get("step_kind") in ("retrieval", "reranker") and isinstance(given.get("query"), str):
        draft.values["input"] = given["query"]
        draft.sources.pop("input", None)


CONVENTION = Convention(
    name="haystack",
    evidence=("haystack.*",),
    columns=(
        ("haystack.component.input", "input"),
        ("haystack.component.output", "output"),
        ("haystack.agent.step.llm.input", "input"),
        ("haystack.agent.step.llm.output", "output"),
        ("haystack.agent.step.tool.input", "tool_arguments"),
        ("haystack.agent.step.tool.output", "tool_result"),
        ("haystack.tool.name", "tool_name"),
        ("haystack.agent.input", "input"),
        ("haystack.agent.output", "output"),
        ("haystack.agent.tools", "tool_definitions"),
        ("haystack.agent.name", "agent_name"),
        ("haystack.pipeline.input_data", "input"),
        ("haystack.pipeline.output_data", "output"),
    ),
    content=content,
    understood=(
        "haystack.component.name",
        "haystack.component.type",
        "haystack.component.fully_qualified_type",
        "haystack.component.input_types",
        "haystack.component.input_spec",
        "haystack.component.output_spec",
        "haystack.component.visits",
        "haystack.tool.description",
        "haystack.agent.step",
        "haystack.agent.max_steps",
        "haystack.agent.exit_conditions",
        "haystack.agent.state_schema",
        "haystack.agent.steps_taken",
        "haystack.pipeline.metadata",
        "haystack.pipeline.max_runs_per_component",
        "haystack.pipeline.execution_mode",
    ),
)
