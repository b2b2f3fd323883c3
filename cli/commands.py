"""The server's commands: where each is, and its line in the help. `main` loads none of them before
it is called."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Declared:
    """``place``: module and name of a function, or of an ``app`` with commands of its own.
    ``help``: the first line of its own help. ``passed_on``: its options are read elsewhere."""

    place: str
    help: str
    passed_on: bool = False


COMMANDS = {
    "up": Declared("cli.up:up", "Run everything in one process. Ends on Ctrl-C or SIGTERM."),
    "ingest": Declared("cli.services:ingest", "Receive OTLP and store it."),
    "import": Declared(
        "cli.import_spans:import_spans", "Send files of spans and logs to a running ingest."
    ),
    "classify": Declared(
        "cli.classify:classify", "Judge every row that has no verdicts yet, and go on doing so."
    ),
    "alerting": Declared("cli.services:alerting", "Receive Grafana's alert notifications."),
    "web": Declared(
        "cli.services:web", "Serve the page: traces to read, to search, and to review."
    ),
    "migrate": Declared(
        "cli.migrate:migrate", "Apply the migrations that the database does not have yet."
    ),
    "sql": Declared("cli.sql:sql", "Run SQL and print the result."),
    "traces": Declared("cli.traces:list_traces", "List traces: filtered, searched, newest first."),
    "trace": Declared(
        "cli.trace:trace", "Show a trace: its steps with latency, tokens, cost and verdicts."
    ),
    "replay": Declared(
        "cli.replay:replay",
        "Run an agent again from a step of a recorded trace, unchanged or forked.",
        passed_on=True,
    ),
    "review": Declared(
        "cli.review:review", "Say of verdicts whether they are right, one after the other."
    ),
    "calibrate": Declared(
        "cli.calibrate:calibrate",
        "Let reviews move a classifier's threshold now, or take the last move back.",
    ),
    "doctor": Declared(
        "cli.doctor:doctor",
        "Find what is set up wrong, and say the remedy. Ends with 1 where something is.",
    ),
    "diff": Declared("cli.replay:diff", "Compare two traces step by step.", passed_on=True),
    "status": Declared(
        "cli.status:status", "Show how much is stored and how much of it is judged."
    ),
    "backup": Declared(
        "cli.backup:backup",
        "Copy the data directory, in use or not, and open the copy to see that it is whole.",
    ),
    "forget": Declared(
        "cli.forget:forget",
        "Remove traces and all that was made of them, from the disk too.",
    ),
    "key": Declared("cli.key:app", "Keys of projects: make, list and revoke them; what was done."),
    "report": Declared(
        "cli.report:report",
        "Write traffic, latency, cost, verdicts and newest failures to one HTML page.",
    ),
    "score": Declared(
        "cli.score:score",
        "Judge JSONL records from stdin: {id, input, output, context, steps}, any may be missing.",
    ),
    "evaluate": Declared(
        "cli.score:evaluate",
        "Measure a classifier on labelled JSONL records (label 1 fails, 0 is healthy).",
    ),
    "demo": Declared(
        "cli.demo:demo", "Start everything, send a failing agent's traffic, show what was found."
    ),
    "alerts": Declared(
        "cli.alerts:app", "Alerts that were told, that wait, that are dead; silences."
    ),
    "experiment": Declared("cli.experiment:app", "A/B tests on live traffic."),
    "dataset": Declared(
        "cli.dataset:app",
        "Evaluation data sets out of production: failures, healthy controls, without personal"
        " data.",
    ),
    "detector": Declared(
        "cli.detector:app",
        "Classifiers of others, from a model hub, that have a say in built-in verdicts.",
    ),
    "classifier": Declared(
        "cli.classifier:app",
        "Classifiers of your own, from a few examples, from rules, or both.",
    ),
}
