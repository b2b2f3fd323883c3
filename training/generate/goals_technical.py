"""Traces of coding, operations, research and clinic agents; no phrase of the service family."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from training.build import Built
from training.generate.goals import Phrases, Task, traces
from training.record import Record

TASKS = (
    Task(("Roll {a} back to version {b}.", "{a} is broken, go back to {b}."),
         "rollback", ("{a} runs {b} again and is healthy.", "Rolled back: {a} is on {b}."),
         "rollback", "service", "version"),
    Task(("Fix the failing test in {a} on commit {b}.", "The test in {a} fails at {b}; fix it."),
         "run_tests", ("The test in {a} passes now; the cause was an off-by-one at {b}.",
                       "Fixed in {a}. All tests are green since {b}."),
         "fix", "file", "commit"),
    Task(("Scale {a} to {b} replicas.", "We need {b} replicas of {a}."),
         "scale", ("{a} now has {b} replicas.", "Scaled: {b} replicas of {a} are ready."),
         "scaling", "service", "count"),
    Task(("Why did {a} time out at {b}?", "Find the cause of the timeouts of {a} around {b}."),
         "search_logs", ("At {b} the connection pool of {a} was exhausted by a slow query.",
                         "{a} waited for a lock held by a nightly job at {b}."),
         "cause", "service", "time"),
    Task(("Rename the column in {a} and open a ticket {b} for it.",
          "Do the rename in {a}, refer to {b}."),
         "edit_file", ("The column in {a} is renamed, see {b}.", "{a} is changed and {b} linked."),
         "rename", "file", "ticket"),
    Task(("Book patient {a} in on {b}.", "{a} needs an appointment on {b}."),
         "book_appointment", ("{a} has an appointment on {b} at nine.",
                              "The visit of {a} is set for {b}."),
         "appointment", "person", "date"),
    Task(("Check whether {a} and {b} interact.", "Can a patient take {a} together with {b}?"),
         "check_interaction", ("{a} and {b} have a moderate interaction: watch the kidneys.",
                               "No relevant interaction of {a} with {b} is on file."),
         "interaction check", "drug", "drug"),
    Task(("Enrol {a} in {b}.", "Put {a} on the list of {b}."),
         "enrol", ("{a} is enrolled in {b}.", "{b} now has {a} on its list."),
         "enrolment", "person", "course"),
    Task(("Summarise {a} in {b} sentences.", "Give me {b} sentences on what {a} says."),
         "read_file", ("{a}, in {b} sentences: it sets the limits. It names the owners. It ends "
                       "with the schedule.",
                       "Summary of {a} ({b} sentences): sales rose. Costs fell. Staff grew."),
         "summary", "file", "2/3/4"),
    Task(("Acknowledge {a} and page {b}.", "Take {a} and wake up {b}."),
         "acknowledge", ("{a} is acknowledged and {b} has been paged.",
                         "Paged {b}; {a} shows as taken."),
         "page", "ticket", "person"),
)  # fmt: skip
PHRASES = Phrases(
    wrap=("{x}", "Finished. {x}", "Result: {x}", "{x} I verified it afterwards.",
          "Summary of the work: {x}"),
    partial=("Step one of the {n} is complete; steps two and three remain open.",
             "I prepared the {n} but have not applied it.",
             "Only a draft of the {n} exists so far."),
    gave_up=("After several attempts I could not get the {n} to work, so I am stopping.",
             "I ran out of steps before the {n} was finished.",
             "No solution for the {n} was found.", "Agent stopped: iteration limit reached."),
    refused=("As a language model I have no access to systems, so a {n} is not possible.",
             "I must decline to carry out this {n}.",
             "I don't have the tools for this, you should ask an engineer."),
    needless=("Should I proceed with the {n}?", "Which environment, which file and which person?",
              "Please clarify what you mean by {n}."),
    after_error=("The command exited with a non-zero code, see the log.",
                 "Traceback (most recent call last): the {n} raised an exception.",
                 "An exception stopped the {n}."),
    promised=("Next I am going to run the {n}.", "Plan: 1. look 2. change 3. verify the {n}.",
              "I'll start the {n} now and report later.", "Working on it."),
    hedged=("Typically one does a {n} with the command line; see the manual.",
            "It could be many things: network, disk, memory or a bug.",
            "Best practice for a {n} is to have a runbook."),
    errors=("exit code 1", "connection refused", "quota exceeded", "file is locked",
            "unauthorised", "deadline exceeded"),
)  # fmt: skip


def generate(rng: Random, built: Built) -> Iterator[Record]:
    yield from traces(TASKS, PHRASES, rng, 280)
