"""Nothing that a span says is evaluated, unpickled, imported or run: a search through the source.

Each place that could is listed with what it is given.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = (
    *("sdk/src", "ingest", "classify", "clickhouse", "alerting", "grafana", "experiments"),
    *("web", "cli", "demo"),
)
#: Builds models from data sets, by hand and in no service.
OFFLINE = "training"

#: Modules and builtins that make code or objects of data.
MODULES = frozenset(
    "pickle cPickle dill cloudpickle marshal shelve joblib runpy importlib imp pty code codeop"
    " subprocess".split()
)
CALLS = frozenset("eval exec __import__ breakpoint import_module run_path".split())
#: Of any object: `np.load`, `yaml.load`, `os.system`, `ast.literal_eval`, …
METHODS = frozenset(
    "system popen execv execve execvp spawnv spawnl startfile literal_eval loads_typed"
    " read_pickle from_pickle allow_pickle load_module exec_module entry_points unsafe_load"
    " full_load Popen check_output getoutput".split()
)

#: What is found, and what it is given.
ALLOWED = {
    "sdk/src/everyspan/__init__.py": (
        "import_module importlib",
        "our own modules, by the names of what they hold",
    ),
    "sdk/src/everyspan/__main__.py": (
        "entry_points importlib.util",
        "the server's command, by its fixed name",
    ),
    "sdk/src/everyspan/_instrumentation.py": (
        "entry_points",
        "instrumentations that are installed, by their entry point group",
    ),
    "sdk/src/everyspan/replay/modules.py": (
        "import_module importlib importlib.machinery importlib.util",
        "modules that the user names: --load, --entry, the pyproject.toml of the folder",
    ),
    "sdk/src/everyspan/replay/changes.py": (
        "run_path runpy",
        "the file that the user patches with",
    ),
    "sdk/src/everyspan/replay/frameworks.py": ("importlib.util", "whether LangChain is installed"),
    "sdk/src/everyspan/replay/langchain.py": (
        "import_module importlib",
        "modules of LangChain, by fixed names",
    ),
    "sdk/src/everyspan/replay/langgraph.py": (
        "import_module importlib",
        "a module of LangGraph, by a fixed name",
    ),
    "sdk/src/everyspan/replay/langgraph_interrupts.py": (
        "import_module importlib",
        "modules of LangGraph, by fixed names",
    ),
    "ingest/conventions/readable.py": (
        "literal_eval",
        "text of a span, of bounded length: literals of Python, nothing is called",
    ),
    "ingest/conventions/openai_agents.py": ("literal_eval", "quoted strings that a pattern found"),
    "classify/classifiers/tool_call_error/arguments.py": (
        "literal_eval",
        "text of a span, of bounded length, as in readable.py",
    ),
    "classify/registry.py": ("import_module importlib", "our own modules, as the folder has them"),
    "classify/job/pool.py": ("pickle", "classifiers of our own, to our own worker processes"),
    "classify/custom/member.py": ("pickle", "classifiers of our own, to our own worker processes"),
    "alerting/destinations/registry.py": (
        "import_module importlib",
        "channels of our own: the modules that lie in its folder",
    ),
    "alerting/enrich/source_code.py": (
        "subprocess",
        "git with fixed commands; paths stay below the roots, revisions are hex digits",
    ),
    "cli/demo.py": ("Popen subprocess", "our own command"),
    "cli/extras.py": ("importlib.util", "whether an extra is installed, by fixed names"),
    "cli/lazy.py": ("import_module importlib", "our own commands, by the table of them"),
}


def _files() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def _found(text: str) -> list[str]:
    """What in the source could make code of data."""
    found: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name.partition(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").partition(".")[0] in MODULES:
                found.append(node.module or "")
            found += [a.name for a in node.names if a.name in CALLS | METHODS]
        elif isinstance(node, ast.Call):
            named = node.func
            if isinstance(named, ast.Name) and named.id in {"compile"} | CALLS | METHODS:
                found.append(named.id)
            elif isinstance(named, ast.Attribute) and named.attr in CALLS | METHODS:
                found.append(named.attr)
            found += [
                f"{word.arg}=True"
                for word in node.keywords
                if word.arg in ("allow_pickle", "shell", "trust_remote_code")
                and not (isinstance(word.value, ast.Constant) and word.value.value is False)
            ]
        elif isinstance(node, ast.Attribute) and node.attr == "__reduce__":
            found.append(node.attr)
    # `importlib.metadata` and `importlib.resources` read what is installed with us.
    harmless = {"importlib.metadata", "importlib.resources"}
    return sorted(set(found) - harmless)


def test_nothing_makes_code_of_data() -> None:
    found = {
        str(path.relative_to(ROOT)): names
        for path in _files()
        if OFFLINE not in str(path) and (names := _found(path.read_text(encoding="utf-8")))
    }
    allowed = {path: names.split() for path, (names, _) in ALLOWED.items()}
    assert found == allowed, "say in ALLOWED what it is given, or do without"


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from importlib import import_module",
        "import importlib.util",
        "eval(x)",
        "exec(x)",
        "__import__(x)",
        "os.system(x)",
        "os.popen(x)",
        "subprocess.run(x, shell=True)",
        "np.load(x, allow_pickle=True)",
        "yaml.unsafe_load(x)",
        "from ast import literal_eval",
        "compile(x, '', 'exec')",
    ],
)
def test_the_search_sees(line: str) -> None:
    assert _found(line)


@pytest.mark.parametrize(
    "line", ["re.compile(x)", "np.load(x, allow_pickle=False)", "json.loads(x)"]
)
def test_the_search_lets_pass(line: str) -> None:
    assert not _found(line)
