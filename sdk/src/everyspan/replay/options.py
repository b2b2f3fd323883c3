"""The options of `everyspan replay` and `everyspan diff`.

None has an environment variable of its own: what stands in a container's environment must not
change what somebody types. The address of ClickHouse is a setting that `everyspan up` has too.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Option:
    """`many`: may be given more than once. `flag`: takes no value. `variable`: the setting that it
    stands for."""

    name: str
    help: str
    value: str = ""
    default: Any = None
    many: bool = False
    flag: bool = False
    choices: tuple[str, ...] = ()
    variable: str = ""
    commands: tuple[str, ...] = ("replay",)


OPTIONS = (
    Option("from-step", "The step from which it runs again, counted from 1 by start.", "K"),
    Option("step", "The step of --only.", "K"),
    Option("only", "Send the recorded model call of --step again, without the agent.", flag=True),
    Option(
        "entry",
        "The function that runs the agent, or a compiled LangGraph graph.",
        "MODULE:FUNCTION",
    ),
    Option(
        "load",
        "Module that declares the agent's entries, of which the trace names one; those in "
        "pyproject.toml by default.",
        "MODULE",
        many=True,
    ),
    Option(
        "argument",
        "Argument of the entry, where the trace has none or another is wanted.",
        "NAME=VALUE",
        many=True,
    ),
    Option(
        "resume",
        "Answer to an interrupt() of a LangGraph graph, JSON or text; one more for the next.",
        "VALUE",
        many=True,
    ),
    Option(
        "keep",
        "Tool or step that is answered from the record after the step too.",
        "NAME",
        many=True,
    ),
    Option("live", "Tool or step that runs before the step too.", "NAME", many=True),
    Option("allow-unsafe", "Tool marked unsafe that may run; * for all.", "NAME", many=True),
    Option(
        "on-mismatch",
        "A call that the record does not answer: stop, run it live, or give the "
        "recorded answer all the same.",
        default="stop",
        choices=("stop", "live", "record"),
    ),
    Option("ignore-argument", "Argument that is not compared, such as a time.", "NAME", many=True),
    Option(
        "set",
        "Change the state: prompt=…, model=…, input.NAME=…, documents[0]=…, "
        "step[2].output=…; @file reads the value.",
        "TARGET=VALUE",
        many=True,
    ),
    Option(
        "patch",
        "Python file with request(body), arguments(step, arguments) or result(step, value).",
        "FILE",
    ),
    Option("times", "How often, to see how often it fails.", "N", default="1"),
    Option(
        "fail-on",
        "Classifier whose failing counts; by default those that failed in the recorded trace.",
        "CLASSIFIER",
        many=True,
    ),
    Option("no-judge", "Do not wait for verdicts.", flag=True),
    Option("judge-seconds", "How long to wait for verdicts.", "SECONDS", default="60"),
    Option(
        "base-url",
        "Where --only sends the call; OPENAI_BASE_URL or ANTHROPIC_BASE_URL by default.",
        "URL",
    ),
    Option(
        "api",
        "How --only speaks to it; as the recorded provider does by default.",
        choices=("chat", "responses", "messages"),
    ),
    Option(
        "header",
        "Header that --only sends along; keys come from OPENAI_API_KEY or ANTHROPIC_API_KEY.",
        "NAME=VALUE",
        many=True,
    ),
    Option("json", "Print JSON.", flag=True, commands=("replay", "diff")),
    Option(
        "clickhouse-dsn",
        "ClickHouse that holds the traces: http://user:password@host:8123.",
        "URL",
        variable="EVERYSPAN_CLICKHOUSE_DSN",
        commands=("replay", "diff"),
    ),
    Option(
        "clickhouse-port",
        "ClickHouse HTTP port on this machine.",
        "PORT",
        variable="EVERYSPAN_CLICKHOUSE_PORT",
        commands=("replay", "diff"),
    ),
)


def parser(command: str, positional: Sequence[str], description: str) -> argparse.ArgumentParser:
    """Of `replay` or `diff`."""
    made = argparse.ArgumentParser(prog=f"everyspan {command}", description=description)
    for name in positional:
        made.add_argument(name.lower(), metavar=name, help=f"{name.replace('_', ' ').lower()}")
    for option in (o for o in OPTIONS if command in o.commands):
        told = f"{option.help} [{option.variable}]" if option.variable else option.help
        keywords: dict[str, Any] = {"help": told.replace("%", "%%")}
        if option.flag:
            keywords["action"] = "store_true"
        else:
            keywords["action"] = "append" if option.many else "store"
            keywords["default"] = [] if option.many else option.default
            keywords["metavar"] = option.value or None
            keywords["choices"] = option.choices or None
        made.add_argument(f"--{option.name}", **keywords)
    return made
