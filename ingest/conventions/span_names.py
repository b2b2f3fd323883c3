"""Steps of frameworks that carry nothing which says what they are: known by tracer and name.

The last resort, after attributes: (start of the tracer's name, start of the span's name) to kind.
"""

from __future__ import annotations

import re
from functools import lru_cache

#: Sources: google/adk-python, google/adk-java; strands-agents; livekit/agents; quarkus-langchain4j;
#: modelcontextprotocol SDKs; microsoft/agent-framework.
KINDS = (
    ("gcp.vertex.agent", "invocation", "chain"),
    ("gcp.vertex.agent", "agent_run", "agent"),
    ("strands", "execute_event_loop_cycle", "chain"),
    ("strands", "execute_agent_loop_cycle", "chain"),
    ("strands", "invoke_agent", "agent"),
    ("strands", "Cycle ", "chain"),  # up to 1.0
    ("livekit-agents", "agent_session", "chain"),
    ("livekit-agents", "start_agent_activity", "chain"),
    ("livekit-agents", "user_turn", "chain"),
    ("livekit-agents", "agent_turn", "agent"),
    ("livekit-agents", "llm_node", "chain"),
    ("livekit-agents", "tts_node", "other"),
    ("livekit-agents", "function_tool", "tool"),
    ("mcp", "MCP send", "other"),
    ("io.quarkus", "langchain4j.aiservices", "agent"),
    ("opentelemetry.instrumentation.llamaindex", "FunctionTool.", "tool"),
    ("io.quarkus", "langchain4j.tools.", "tool"),
)
#: Tracer to the ends of names of steps that it calls a model's call, and that call none.
#: Captured: LlamaIndex 0.15, which traces each method of a model.
NO_CALLS = {"openinference.instrumentation.llama_index": ("._prepare_chat_with_tools",)}
#: A tool's name within the name of its step.
_TOOL = re.compile(
    r"^(?:execute_tool|tool[: ]|tool_call|call_tool|running tool[: ]?|langchain4j\.tools\."
    r"|(?:MCP send |mcp )?tools/call)\s*(.+)$"
)


@lru_cache(maxsize=4096)
def kind_of(scope: str, name: str) -> str:
    """The step kind, '' where neither says one."""
    for start, begins, kind in KINDS:
        if name.startswith(begins) and scope.startswith(start):
            return kind
    return ""


def tool_of(name: str) -> str:
    """The tool's name in a step's name, else the whole name."""
    found = _TOOL.match(name)
    return found[1] if found else name
