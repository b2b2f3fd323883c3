"""Public files to small dialogues and runs: what a healthy trace is built of.

Each reader takes a snapshot and yields sessions. Nothing is added to what the files say, but the
sentence that asks what a function or a section is about.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from training.mirror import Snapshot


@dataclass
class Exchange:
    """One trace: what was asked, what was looked up and called, what was answered ('' unknown)."""

    asked: str
    answer: str = ""
    documents: list[str] = field(default_factory=list)
    #: (tool, arguments, result)
    calls: list[tuple[str, dict[str, str], str]] = field(default_factory=list)


Session = list[Exchange]

_SENTENCE = re.compile(r"(?<=[.!?。！？؟])\s+|(?<=[。！？])")
_MOST_CODE = 6000


def rasa(snapshot: Snapshot) -> Iterator[Session]:
    """Commands to a home robot."""
    for path in snapshot.chosen:
        for row in snapshot.json(path)["rasa_nlu_data"]["common_examples"]:
            yield [Exchange(row["text"])]


def snips(snapshot: Snapshot) -> Iterator[Session]:
    """Requests to a voice assistant."""
    for path in snapshot.chosen:
        text = snapshot.bytes(path).decode("utf-8", errors="replace")
        for rows in json.loads(text).values():
            for row in rows:
                yield [Exchange("".join(part["text"] for part in row["data"]).strip())]


def multidogo(snapshot: Snapshot) -> Iterator[Session]:
    """What customers of an airline, a bank, an insurer … write; the agents' side is not there."""
    for path in snapshot.chosen:
        sessions: dict[str, Session] = defaultdict(list)
        for row in csv.DictReader(io.StringIO(snapshot.text(path)), delimiter="\t"):
            if row["utterance"]:
                sessions[row["conversationId"]].append(Exchange(row["utterance"]))
        yield from sessions.values()


def chatterbot(snapshot: Snapshot) -> Iterator[Session]:
    """A question and its answer."""
    for path in snapshot.chosen:
        for said in yaml.safe_load(snapshot.text(path))["conversations"]:
            if len(said) > 1:
                yield [Exchange(str(said[0]), str(said[1]))]


def microsoft_dialogues(snapshot: Snapshot) -> Iterator[Session]:
    """A taxi or cinema tickets, booked between two people."""
    for path in snapshot.chosen:
        sessions: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for line in snapshot.text(path).split("\n")[1:]:
            cells = line.split("\t")
            if len(cells) > 4 and cells[4].strip():
                sessions[cells[0]].append((cells[3], cells[4].strip().strip('"')))
        for said in sessions.values():
            found: Session = []
            for who, text in said:
                if who == "user" and (not found or found[-1].answer):
                    found.append(Exchange(text))
                elif who == "user":
                    found[-1].asked += f" {text}"
                elif found:
                    found[-1].answer = f"{found[-1].answer} {text}".strip()
            if len(found) > 1:
                yield found


def camrest(snapshot: Snapshot) -> Iterator[Session]:
    """A restaurant, looked for between two people. Remarks stand before the JSON."""
    for path in snapshot.chosen:
        text = snapshot.text(path)
        for dialogue in json.loads(text[text.index("[") :]):
            yield [
                Exchange(turn["usr"]["transcript"], turn["sys"]["sent"])
                for turn in dialogue["dial"]
                if turn["usr"]["transcript"]
            ]


def intercode(snapshot: Snapshot) -> Iterator[Session]:
    """Runs of an agent on a database or a shell that reached their goal without an error."""
    for path in snapshot.chosen:
        tool = "run_sql" if "/sql/" in path else "run_shell"
        for run in snapshot.json(path).values():
            turns = run["turn_history"]
            results = [str(each) for each in turns["observations"]]
            if max(turns["rewards"], default=0) < 1 or any(
                re.search(r"(?i)error|not found|no such|denied|invalid|cannot", each)
                for each in results
            ):
                continue
            calls = [
                (tool, {"command": str(action)}, result)
                for action, result in zip(turns["actions"], results, strict=False)
            ]
            if calls and all(result.strip() for _, _, result in calls):
                yield [Exchange(run["query"], calls[-1][2], calls=calls)]


def python_code(snapshot: Snapshot) -> Iterator[Session]:
    """What a function is for: its file is read, its docstring is the answer."""
    for path in snapshot.chosen:
        source = snapshot.text(path)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and (
                said := ast.get_docstring(node)
            ):
                code = ast.get_source_segment(source, node) or ""
                yield [_of_code(node.name, path, code, said)]


def go_code(snapshot: Snapshot) -> Iterator[Session]:
    """The same of Go, whose comments stand before."""
    pattern = re.compile(
        r"((?:^// .+\n)+)(func (?:\([^)\n]*\) )?(\w+)\([^\n]*\{\n(?:.*\n){1,60}?\}\n)", re.M
    )
    for path in snapshot.chosen:
        for match in pattern.finditer(snapshot.text(path)):
            said = match[1].replace("// ", "").strip()
            yield [_of_code(match[3], path, match[1] + match[2], said)]


def _of_code(name: str, path: str, code: str, said: str) -> Exchange:
    answer = " ".join(said.split("\n\n")[0].split())
    call = ("read_file", {"path": path, "symbol": name}, code[:_MOST_CODE])
    return Exchange(f"What is {name} in {path} for?", answer, calls=[call])


def handbook(snapshot: Snapshot) -> Iterator[Session]:
    """A section of a handbook: its heading is asked for, its first sentences are the answer."""
    for path in snapshot.chosen:
        sections = re.split(r"^#{2,3} +", snapshot.text(path), flags=re.M)[1:]
        for number, section in enumerate(sections):
            title, _, body = section.partition("\n")
            sentences = [one for one in _SENTENCE.split(" ".join(body.split())) if len(one) > 20]
            if len(body) < 200 or not sentences or re.search(r"[{}<>|]", sentences[0]):
                continue
            title = re.sub(r"[#*_`{}]", "", title).strip()
            asked = title if title.endswith("?") else f"What does the handbook say about {title}?"
            near = [sections[number - 1]] if number else []
            yield [
                Exchange(asked, sentences[0], [body.strip()[:2000], *(one[:2000] for one in near)])
            ]


def squad(snapshot: Snapshot) -> Iterator[Session]:
    """A question, the paragraph of an encyclopedia, and its sentence that has the answer."""
    for path in snapshot.chosen:
        for paragraph in _paragraphs(snapshot.json(path)):
            for asked in paragraph["qas"]:
                answers = asked.get("answers") or []
                sentence = next(
                    (
                        one.strip()
                        for one in _SENTENCE.split(paragraph["context"])
                        if answers and str(answers[0]["text"]) in one
                    ),
                    "",
                )
                if sentence:
                    yield [Exchange(asked["question"], sentence, [paragraph["context"]])]


def questions(snapshot: Snapshot) -> Iterator[Session]:
    """The questions alone."""
    for path in snapshot.chosen:
        for paragraph in _paragraphs(snapshot.json(path)):
            for asked in paragraph["qas"]:
                yield [Exchange(asked["question"])]


def _paragraphs(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for article in value["data"]:
        yield from article["paragraphs"]


READERS = {
    reader.__name__: reader
    for reader in (
        rasa, snips, multidogo, chatterbot, microsoft_dialogues, camrest, intercode, python_code,
        go_code, handbook, squad, questions,
    )
}  # fmt: skip
