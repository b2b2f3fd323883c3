"""The options of `everyspan replay` and `everyspan diff`, each with its environment variable."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Option:
    """`many`: may be given more than once; in the variable they are separated by line breaks
    (`--set`) or commas (names). `flag`: takes no value."""

    name: str
    help: str
    value: str = ""
    default: Any = None
    many: bool = False
    flag: bool = False
    choices: tuple[str, ...] = ()
    variable: str = ""
    commands: tuple[str, ...] = ("replay",)

    @property
    def environment(self) -> str:
        return self.variable or f"EVERYSPAN_REPLAY_{self.name.replace('-', '_').upper()}"


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
    """A parser whose defaults come from the environment at the time of `values`."""
    made = argparse.ArgumentParser(prog=f"everyspan {command}", description=description)
    for name in positional:
        made.add_argument(name.lower(), metavar=name, help=f"{name.replace('_', ' ').lower()}")
    for option in (o for o in OPTIONS if command in o.commands):
        keywords: dict[str, Any] = {
            "help": f"{option.help} [{option.environment}]".replace("%", "%%")
        }
        if option.flag:
            keywords["action"] = "store_true"
        else:
            keywords["action"] = "append" if option.many else "store"
            keywords["metavar"] = option.value or None
            keywords["choices"] = option.choices or None
        made.add_argument(
            f"--{option.name}", dest=option.name.replace("-", "_"), default=None, **keywords
        )
    return made


def values(
    command: str, parsed: argparse.Namespace, environ: Mapping[str, str] = os.environ
) -> argparse.Namespace:
    """`parsed` with what the environment gives and the defaults."""
    for option in (o for o in OPTIONS if command in o.commands):
        name = option.name.replace("-", "_")
        if getattr(parsed, name) is not None:
            continue
        text = environ.get(option.environment)
        if option.flag:
            found: Any = (text or "").lower() in ("1", "true", "yes", "on")
        elif option.many:
            separator = "\n" if "=" in option.value else ","
            found = [part.strip() for part in (text or "").split(separator) if part.strip()]
        else:
            found = text or option.default
        setattr(parsed, name, found)
    return parsed
