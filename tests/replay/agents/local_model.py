"""A LangChain chain on a chat model that speaks no HTTP, and a plain LangChain tool.

python -m tests.replay.agents.local_model
"""

from __future__ import annotations

from typing import Any

import everyspan
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool

from tests.replay.agents.roots import print_roots
from tests.replay.model import called

everyspan.init(service="local-agent", instrument=["langchain"])


class Local(BaseChatModel):
    """Says how often it was asked."""

    asked: int = 0

    @property
    def _llm_type(self) -> str:
        return "local"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        called(f"model {messages[-1].content}")
        self.asked += 1
        answer = AIMessage(f"answer to {messages[-1].content}")
        return ChatResult(generations=[ChatGeneration(message=answer)])


@tool
def add(a: int, b: int) -> int:
    """The sum."""
    called(f"add {a} {b}")
    return a + b


@everyspan.step(kind="agent")
def run() -> str:
    model = Local()
    first = model.invoke([HumanMessage("one")]).content
    total = add.invoke({"a": 2, "b": 3})
    return str(model.invoke([HumanMessage(f"{first} and {total}")]).content)


if __name__ == "__main__":
    print_roots()
    run()
    everyspan.flush()
