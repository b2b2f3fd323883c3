"""``everyspan classifier``: classifiers of your own, from a few examples, from rules, or both."""

from __future__ import annotations

import json
import sys
import time
import tomllib
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from everyspan.masking.mask import masked
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand

from classify.custom.answers import HELD
from classify.settings import ClassifySettings
from cli.classify_client import call
from cli.console import console, fail, plain_errors, put, read_settings
from cli.options import ClassifyPort, Host
from web.interval import wilson
from web.say import interval

app = typer.Typer(
    help="Classifiers of your own, from a few examples, from rules, or both.",
    no_args_is_help=True,
)

_LISTS = ("--positive", "--negative")
_MAX_TEXT = 110
_MAX_QUOTED = 800
Name = Annotated[
    str,
    typer.Argument(
        help="Lower-case letters, digits, underscores; PROJECT/NAME for one of a project."
    ),
]
Positive = Annotated[
    list[str] | None,
    typer.Option(
        "--positive",
        metavar="SPAN_ID…",
        help="Spans that it should find: 16 hex digits, TRACE/SPAN, or a trace for its root.",
    ),
]
Negative = Annotated[
    list[str] | None,
    typer.Option("--negative", metavar="SPAN_ID…", help="Spans that it should leave alone."),
]
Project = Annotated[
    str,
    typer.Option(
        help="Of this project alone, `default` for the one without a key; a key's is its own."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class _Spread(TyperCommand):
    """Takes several values after one --positive or --negative."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        spread: list[str] = []
        option = ""
        for arg in args:
            if arg.startswith("-"):
                option = arg if arg in _LISTS else ""
                if not option:
                    spread.append(arg)
            elif option:
                spread += [part for each in arg.split(",") if each for part in (option, each)]
            else:
                spread.append(arg)
        found: list[str] = super().parse_args(ctx, spread)
        return found


@app.callback()
def classifier(
    context: typer.Context, host: Host = None, classify_port: ClassifyPort = None
) -> None:
    """Classifiers of your own, from a few examples, from rules, or both."""
    context.obj = read_settings(ClassifySettings, host=host, classify_port=classify_port)


@app.command(cls=_Spread)
def add(
    context: typer.Context,
    name: Name,
    positive: Positive = None,
    negative: Negative = None,
    examples: Annotated[
        Path | None,
        typer.Option(
            "--examples",
            help='JSONL file: {"mark": "positive", "text": "…"}, input and output for --on both, or'
            " span_id.",
        ),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(help="What is compared: output (default), input, both, or steps of a trace."),
    ] = None,
    describe: Annotated[
        str,
        typer.Option(help="What it finds, in a sentence."),
    ] = "",
    kind: Annotated[
        list[str] | None,
        typer.Option(help="Kinds of step to look at; those of the positive spans by default."),
    ] = None,
    rule: Annotated[
        Path | None,
        typer.Option("--rule", help="TOML file with conditions; see classify/README.md."),
    ] = None,
    max_fail_rate: Annotated[
        float | None,
        typer.Option(help="Where the alert fires, 0 to 1; thresholds.toml says it by default."),
    ] = None,
    service: Annotated[
        list[str] | None,
        typer.Option(help="Only rows of this service, more than once for several; all by default."),
    ] = None,
    enable: Annotated[
        bool,
        typer.Option("--enable", help="Let it judge even with too little evidence."),
    ] = False,
    draft: Annotated[
        bool,
        typer.Option("--draft", help="Let it judge nothing before rows are marked: see review."),
    ] = False,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Wait until it has gone over all old rows."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Learn a classifier and let it judge every row, old ones too.

    On a terminal it asks about the ten nearest rows before it judges any.
    """
    body = _toml(rule) if rule else {}
    project, _, plain = name.rpartition("/")
    if body.setdefault("name", plain) != plain:
        fail(f"{rule}: name is '{body['name']}', but you are adding '{plain}'; make them the same")
    for field, value in (
        ("on", on),
        ("describe", describe or None),
        ("kinds", kind),
        ("max_fail_rate", max_fail_rate),
        ("services", service),
    ):
        if value is not None:
            body[field] = value
    ids: dict[str, list[str]] = {"positive": positive or [], "negative": negative or []}
    if examples:
        written = _jsonl(examples, ids)
        body["examples"] = [*body.get("examples", []), *written]
    learns = bool(body.get("examples") or ids["positive"])
    asks = learns and not (enable or draft or as_json) and _on_a_terminal()
    how = {"enable": enable, "hold": draft or asks}
    place = f"/v1/classifiers?project={quote(project)}"
    answer = call(_settings(context), "POST", place, body | ids | how)
    if asks and answer["nearest"]:
        answer = _ask_nearest(_settings(context), name, answer)
    elif asks and answer["reason"] == HELD:
        # There is no row yet that anybody could be asked about.
        call(_settings(context), "POST", _place(name, "/enable"), {})
        answer = call(_settings(context), "GET", _place(name, "/review"))
        _say(answer, as_json)
    else:
        _say(answer, as_json)
    if learns and answer["nearest"] and not (as_json or asks):
        console.print(
            f"  nobody was asked about the {len(answer['nearest'])} nearest rows: how much of what"
            f" it fails is right is not known; `everyspan classifier review {name}` asks",
            soft_wrap=True,
        )
    if wait and answer["state"] == "live":
        _progress(_settings(context))


@app.command("list")
def list_(
    context: typer.Context,
    removed: Annotated[
        bool,
        typer.Option("--removed", help="Removed ones too."),
    ] = False,
    project: Project = "",
    as_json: AsJson = False,
) -> None:
    """List them, and how far they are with old rows."""
    asked = f"removed={str(removed).lower()}&project={quote(project)}"
    found = call(_settings(context), "GET", f"/v1/classifiers?{asked}")
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("name", "state", "version", "on", "examples", "rules", "by", "file", "changed"):
        table.add_column(column)
    for each in found["classifiers"]:
        table.add_row(
            each["name"],
            "set aside" if each["set_aside"] else each["state"],
            str(each["version"]),
            each["on"],
            str(each["examples"]),
            str(each["rules"]),
            each["author"],
            each["source"],
            each["changed_at"].replace("T", " ")[:19],
        )
    console.print(table)
    for each in found["classifiers"]:
        if each["set_aside"]:
            console.print(
                f"{each['name']} is set aside, it judges nothing: {each['set_aside']}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
    left, rows = found["back_fill"]["left"], found["back_fill"]["rows"]
    if left:
        console.print(f"{left:,} of {rows:,} stored rows are still to go over")
    elif not found["classifiers"]:
        console.print("none yet; `everyspan classifier add --help`")


@app.command()
def show(context: typer.Context, name: Name) -> None:
    """One as JSON: definition, examples, quality, earlier versions."""
    typer.echo(json.dumps(call(_settings(context), "GET", _place(name)), indent=2))


@app.command(cls=_Spread)
def review(
    context: typer.Context,
    name: Name,
    positive: Positive = None,
    negative: Negative = None,
    as_json: AsJson = False,
) -> None:
    """Confirm or reject real rows; each answer sharpens it at once.

    On a terminal it asks row by row; otherwise it prints the rows, to be answered with --positive
    and --negative.
    """
    settings = _settings(context)
    if positive or negative:
        body = {"positive": positive or [], "negative": negative or []}
        _say(call(settings, "POST", _place(name, "/examples"), body), as_json)
        return
    answer = call(settings, "GET", _place(name, "/review"))
    if as_json or not console.is_terminal:
        _say(answer, as_json)
        return
    _ask(settings, name, answer)


@app.command()
def disable(context: typer.Context, name: Name) -> None:
    """Let it judge no more. The verdicts that it gave stay."""
    call(_settings(context), "POST", _place(name, "/disable"), {})
    console.print(f"{name} judges no more; `everyspan classifier enable {name}` undoes it")


@app.command()
def enable(context: typer.Context, name: Name) -> None:
    """Let it judge (again): a disabled one, or a draft on your word."""
    call(_settings(context), "POST", _place(name, "/enable"), {})
    console.print(f"{name} is live")


@app.command()
def remove(context: typer.Context, name: Name) -> None:
    """Let it judge no more and take its verdicts from the rows."""
    call(_settings(context), "DELETE", _place(name))
    console.print(f"{name} is removed; its verdicts go in the background")


@app.command()
def export(
    context: typer.Context,
    name: Name,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File; the terminal by default."),
    ] = None,
) -> None:
    """Write one as a TOML file, with what it has learned: for git, or another Everyspan."""
    text = call(_settings(context), "GET", _place(name, "/export"), text=True)
    if output is None:
        put(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"{output} can't be written: {error.strerror}")
    console.print(f"wrote {output}")


@app.command("import")
def import_(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="TOML file as export writes it.")],
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Take the place of one with that name."),
    ] = False,
    project: Project = "",
    as_json: AsJson = False,
) -> None:
    """Take one from a TOML file."""
    body = {"toml": _read(path), "replace": replace}
    place = f"/v1/import?project={quote(project)}"
    _say(call(_settings(context), "POST", place, body), as_json)


def _place(name: str, what: str = "") -> str:
    """The route of one, by its name or PROJECT/NAME."""
    project, _, plain = name.rpartition("/")
    asked = f"?project={quote(project, safe='')}" if project else ""
    return f"/v1/classifiers/{quote(plain, safe='')}{what}{asked}"


def _settings(context: typer.Context) -> ClassifySettings:
    assert isinstance(context.obj, ClassifySettings)
    return context.obj


def _say(answer: dict[str, Any], as_json: bool = False) -> None:
    if as_json:
        typer.echo(json.dumps(answer))
        return
    state, name = answer["state"], answer["name"]
    color = "green" if state == "live" else "yellow"
    console.print(
        Text.assemble((name, "bold"), f" version {answer['version']} is ", (state, color))
    )
    if answer["reason"] and state != "live":
        console.print(f"  {answer['reason']}", soft_wrap=True)
        if state == "draft":
            console.print(
                f"  it judges nothing yet: `everyspan classifier review {name}`, or `everyspan"
                f" classifier enable {name}` to let it judge all the same",
                soft_wrap=True,
            )
    quality = ", ".join(
        f"{key.replace('_', ' ')} {_figure(value)}"
        for key, value in answer["quality"].items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    )
    if "auroc" in answer["quality"]:
        console.print(f"  on the examples, cross-checked: {quality}")
    elif "positives" in answer["quality"]:
        few = answer["quality"]["positives"]
        console.print(
            f"  {few} examples are too few to say how good it is; answers on real rows do"
        )
    if answer["expected_fail_rate"] is not None:
        console.print(
            f"  fails {answer['expected_fail_rate']:.2%} of {answer['sampled']:,} recent rows"
            f" (scores from {answer['threshold']:.3g} up)",
        )
    for each in answer["near_duplicates"]:
        console.print(
            Text.assemble(
                (f"  much like {each['name']}", "yellow"),
                f": {each['overlap']:.0%} of what either fails, both do",
            )
        )
    if rule := answer["rule"]:
        console.print(
            Text.assemble(
                ("  a rule may do", "bold"),
                f": all {rule['examples']} examples {_line(rule['says'])}, and {rule['found']:,} of"
                f" {rule['rows']:,} other rows are so. As a file for --rule:",
            ),
            soft_wrap=True,
        )
        console.print(Text("".join(f"    {line}\n" for line in rule["toml"].splitlines())), end="")
    for title, rows in (
        ("nearest to the examples", answer["nearest"]),
        ("most doubtful", answer["borderline"]),
    ):
        if rows:
            console.print(f"  {title}", style="bold")
        for row in rows:
            console.print(
                f"    {row['score']:.2f}  {row['span_id']}  {_line(row['text'])}",
                soft_wrap=True,
            )
    if answer["to_go_over"]:
        console.print(
            f"  judges new rows now; goes over {answer['to_go_over']:,} stored rows, newest first"
            " (`everyspan classifier list` shows how far it is)",
            soft_wrap=True,
        )


def _on_a_terminal() -> bool:
    """Whether somebody is there to answer."""
    return console.is_terminal and sys.stdin.isatty()


def _ask_nearest(settings: ClassifySettings, name: str, answer: dict[str, Any]) -> dict[str, Any]:
    """The nearest rows, before it judges any; what it would have failed of them says how precise
    it is."""
    _say(answer | {"nearest": [], "borderline": []})
    console.print(
        f"\nThe {len(answer['nearest'])} rows nearest to your examples, before {name} judges any:"
    )
    said: list[tuple[dict[str, Any], bool]] = []
    for row in answer["nearest"]:
        console.print(Text.assemble((f"\n{row['score']:.2f}", "bold"), f"  {_quoted(row['text'])}"))
        key = typer.prompt("should it fail? y, n, s to skip, q to end", default="s").lower()[:1]
        if key == "q":
            break
        if key in ("y", "n"):
            said.append((row, key == "y"))
    if not said:
        console.print(
            f"nobody answered: {name} stays a draft; `everyspan classifier review {name}` asks"
            " again, `everyspan classifier enable` lets it judge all the same"
        )
        return answer
    places = [(f"{row['trace_id']}/{row['span_id']}", fails) for row, fails in said]
    body = {
        "positive": [place for place, fails in places if fails],
        "negative": [place for place, fails in places if not fails],
    }
    after: dict[str, Any] = call(settings, "POST", _place(name, "/examples"), body)
    failed = [fails for row, fails in said if row["score"] >= answer["threshold"]]
    if failed:
        low, high = wilson(sum(failed), len(failed))
        console.print(
            f"of the {len(failed)} that it failed, {sum(failed)} rightly: before your answers its"
            f" precision was {interval(low, high)}, at these the likeliest rows"
        )
    _say(after | {"nearest": [], "borderline": []})
    return after


def _ask(settings: ClassifySettings, name: str, answer: dict[str, Any]) -> None:
    """Row by row, the doubtful ones first: they teach most."""
    _say(answer | {"nearest": [], "borderline": []})
    asked: set[str] = set()
    while True:
        row = next(
            (
                each
                for pair in zip(answer["borderline"], answer["nearest"], strict=False)
                for each in pair
                if each["span_id"] not in asked
            ),
            None,
        ) or next(
            (e for e in answer["borderline"] + answer["nearest"] if e["span_id"] not in asked), None
        )
        if row is None:
            console.print("nothing left to ask; come back when there is new traffic")
            return
        asked.add(row["span_id"])
        console.print(Text.assemble((f"\n{row['score']:.2f}", "bold"), f"  {_quoted(row['text'])}"))
        said = typer.prompt("should it fail? y, n, s to skip, q to end", default="s").lower()[:1]
        if said == "q":
            return
        if said not in ("y", "n"):
            continue
        place = f"{row['trace_id']}/{row['span_id']}"
        body = {
            "positive": [place] if said == "y" else [],
            "negative": [place] if said == "n" else [],
        }
        answer = call(settings, "POST", _place(name, "/examples"), body)
        rate = answer["expected_fail_rate"]
        console.print(
            f"version {answer['version']}, {answer['state']}; fails"
            f" {'–' if rate is None else f'{rate:.2%}'} of recent rows",
            style="dim",
        )


def _progress(settings: ClassifySettings) -> None:
    columns = (TextColumn("old rows"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=None)
        while True:
            found = call(settings, "GET", "/v1/classifiers")["back_fill"]
            bar.update(task, total=found["rows"], completed=found["rows"] - found["left"])
            if not found["left"]:
                return
            time.sleep(1)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        fail(f"{path} can't be read: {error.strerror}")
    except UnicodeDecodeError as error:
        fail(f"{path} can't be read: {error}")


def _toml(path: Path) -> dict[str, Any]:
    """With the values of the files that it names."""
    from classify.custom.value_lists import filled_in

    try:
        content = tomllib.loads(_read(path))
    except tomllib.TOMLDecodeError as error:
        fail(f"{path} is no TOML: {error}")
    except RecursionError:
        fail(f"{path} is nested too deeply")
    with plain_errors():
        return filled_in(content, path.parent)[0]


def _jsonl(path: Path, ids: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Written examples; those that name a span go to ``ids``."""
    found = []
    for number, line in enumerate(_read(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            fail(f"{path} line {number} is no JSON: {error}")
        if not isinstance(value, dict):
            fail(
                f'{path} line {number}: write an object such as {{"mark": "positive", "text": "…"}}'
            )
        mark = value.get("mark", value.get("label", "positive"))
        if isinstance(mark, int):
            mark = "positive" if mark else "negative"
        if mark not in ids:
            fail(f"{path} line {number}: mark is {mark!r}; write positive or negative")
        if value.get("span_id"):
            trace_id = value.get("trace_id", "")
            ids[mark].append(f"{trace_id}/{value['span_id']}" if trace_id else value["span_id"])
            continue
        texts = {k: value[k] for k in ("text", "input", "output") if k in value}
        if not texts:
            fail(f"{path} line {number}: names no text, input, output or span_id")
        found.append({"mark": mark} | texts)
    return found


def _figure(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


def _quoted(text: str) -> str:
    """With its lines further to the right than ours."""
    return masked(text)[:_MAX_QUOTED].replace("\n", "\n      ")


def _line(text: str) -> str:
    line = " ".join(masked(text).split())
    return line if len(line) <= _MAX_TEXT else line[:_MAX_TEXT] + "…"
