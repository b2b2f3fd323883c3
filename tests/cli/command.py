"""The command line as a process of its own: code, standard output and standard error.

What every command imports takes longer than most of them, so one process that has imported the
libraries (nothing of ours, and no engine) makes the others by ``fork``.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_LIBRARIES = (
    "clickhouse_connect",
    "numpy",
    "pydantic_settings",
    "requests",
    "rich.table",
    "typer",
    "yaml",
)
_SECONDS = 240
_maker: subprocess.Popen[str] | None = None


def everyspan(
    *arguments: str, stdin: str | bytes = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command, of this tree and at its root, without settings of the caller's."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "in").write_bytes(stdin.encode() if isinstance(stdin, str) else stdin)
        asked = [folder, list(arguments), _cleaned(environment)]
        maker = _started()
        assert maker.stdin is not None
        assert maker.stdout is not None
        maker.stdin.write(json.dumps(asked) + "\n")
        maker.stdin.flush()
        status = int(maker.stdout.readline())
        out, err = (Path(folder, name).read_text() for name in ("out", "err"))
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
        raise subprocess.TimeoutExpired(arguments, _SECONDS, out, err)
    return subprocess.CompletedProcess(arguments, os.waitstatus_to_exitcode(status), out, err)


def fresh(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The same by a Python of its own, for an environment that tells Python what to load."""
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        cwd=ROOT,
        env=_cleaned(environment),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )


def _cleaned(environment: dict[str, str]) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("EVERYSPAN_")}
    return {**clean, "COLUMNS": "200", **environment}


def _started() -> subprocess.Popen[str]:
    global _maker
    if _maker is None or _maker.poll() is not None:
        _maker = subprocess.Popen(
            [sys.executable, str(Path(__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        atexit.register(_maker.kill)
    return _maker


def _make() -> None:
    """Of the warm process: a child for each line that is asked for. A child ends as programs do: by
    its exit status, with its exit handlers run and its threads waited for."""
    sys.path[0] = str(ROOT)
    for name in _LIBRARIES:
        import_module(name)
    for line in sys.stdin:
        folder, arguments, environment = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(Path(folder), arguments, environment)
            return
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


def _run(folder: Path, arguments: list[str], environment: dict[str, str]) -> None:
    signal.alarm(_SECONDS)
    for number, name, flags in (
        (0, "in", os.O_RDONLY),
        (1, "out", os.O_WRONLY | os.O_CREAT),
        (2, "err", os.O_WRONLY | os.O_CREAT),
    ):
        os.dup2(os.open(folder / name, flags, 0o600), number)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["everyspan", *arguments]
    import_module("cli.main").main()


if __name__ == "__main__":
    _make()
