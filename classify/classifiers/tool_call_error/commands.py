"""What a shell command does: whether its exit code is an answer, and whose text it prints.

`grep` that finds nothing exits with 1, and so does a test run with a failing test: the call worked,
and that is what it says. `cat` and `tail` print other people's text, which may speak of any error.
"""

from __future__ import annotations

import re
from typing import Any

from classify import messages

#: Arguments that hold a command, of tools that run one.
_FIELDS = ("command", "cmd", "script", "code", "bash", "shell_command", "commands")
_MOST = 4_000
#: Programs whose exit code 1 says no, different, not there, or found something.
_ANSWERING = frozenset(
    "grep egrep fgrep rg ag ack zgrep pgrep diff cmp comm test [ [[ which type hash expr false jq"
    " pytest py.test tox nox jest vitest mocha rspec phpunit ctest unittest doctest ruff mypy"
    " flake8 pylint pyright black isort eslint prettier tsc stylelint shellcheck hadolint"
    " golangci-lint systemctl".split()
)
#: 'npm test', 'go vet', 'git diff --quiet': program and what it is told.
_ANSWERING_WITH = re.compile(
    r"^(?:(?:npm|yarn|pnpm|bun)(?: run)? (?:test|lint|check)\b"
    r"|(?:go|cargo|make|mvn|gradle|gradlew|dotnet|mix|swift|bazel) (?:\S{1,40} ){0,2}"
    r"(?:test|vet|clippy|check|lint)\b"
    r"|git (?:diff|grep|merge-base|show-ref|rev-parse|check-ignore)\b|command -v\b"
    r"|(?:uv|poetry|pipenv|hatch|npx|bunx|bundle)(?: run| exec)? (?:-\S{1,40} ){0,3}"
    r"(?:pytest|jest|vitest|mocha|eslint|tsc|prettier|ruff|mypy|black|rspec)\b"
    r"|python[\d.]* -m (?:pytest|unittest|doctest|ruff|mypy|flake8|pylint|tox)\b)"
)
#: Programs that print what is in a file, a log or a page.
_SHOWING = frozenset(
    "cat head tail less more bat nl tac zcat zless grep egrep fgrep rg ag ack zgrep sed awk cut"
    " sort uniq wc jq yq xmllint strings hexdump xxd od journalctl dmesg find ls tree column fold"
    " fmt".split()
)
_SHOWING_WITH = re.compile(
    r"^(?:git (?:log|show|diff|blame|grep|status|cat-file)\b"
    r"|(?:docker|podman|kubectl|oc|heroku|fly|pm2)(?: compose)? (?:\S{1,40} ){0,2}logs?\b)"
)
#: Programs that say nothing of their own.
_NEUTRAL = frozenset("cd export set source . true echo printf pwd pushd popd sleep".split())
_BREAK = re.compile(r"&&|\|\||[;|\n]")
_BEFORE = re.compile(
    r"^(?:\s|[A-Za-z_]\w{0,40}=\S{0,200}\s|sudo\s|time\s|timeout\s+\S{1,20}\s|env\s|nohup\s|\()+"
)


def command_of(arguments: Any) -> str:
    """The command in a call's arguments, '' where there is none."""
    value = messages.decode(arguments) if isinstance(arguments, str) else arguments
    if isinstance(value, dict):
        for field in _FIELDS:
            held = value.get(field)
            if isinstance(held, list):
                held = " ".join(part for part in held if isinstance(part, str))
            if isinstance(held, str) and held.strip():
                return held.strip()[:_MOST]
    return ""


def is_answer(command: str, code: int) -> bool:
    """Whether an exit code other than 0 of this command is its answer, not its failure."""
    if code != 1:
        return False
    return any(
        _program(part) in _ANSWERING or _ANSWERING_WITH.match(part) is not None
        for part in _parts(command)
    )


def shows_text(command: str) -> bool:
    """Whether what the command prints is text that it found, not its own."""
    shown = [part for part in _parts(command) if _program(part) not in _NEUTRAL]
    return bool(shown) and all(
        _program(part) in _SHOWING or _SHOWING_WITH.match(part) is not None for part in shown
    )


def _parts(command: str) -> list[str]:
    shell = re.match(r"(?:/bin/)?(?:ba|z|da)?sh -l?c ['\"]?", command)
    if shell is not None:
        command = command[shell.end() :]
    found = (_BEFORE.sub("", part).strip() for part in _BREAK.split(command)[:200])
    return [part for part in found if part]


def _program(part: str) -> str:
    return part.split(None, 1)[0].rpartition("/")[2] if part else ""
