"""Keeping or forgetting in sessions on code, study and health; no phrase of the booking family."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from training.build import Built
from training.generate.memory import Fact, Family, sessions
from training.record import Record

FAMILY = Family(
    facts=(
        Fact("Python/Rust/TypeScript/Go/Kotlin", ("Everything here is written in {v}.",
              "Use {v} for all the code, please.", "Our stack is {v} only."),
             ("Here's the helper, in {v} as the rest.", "I added a {v} module for it."),
             ("What language is your project in?", "Which programming language should I use?"),
             ("We migrated: from now on {v}, no more {old}.", "Switch to {v}, please."),
             ignored=("Here is the macro: Sub Main() … End Sub in Visual Basic.",
                      "Just paste this PHP snippet into index.php."),
             unrelated=("Should it log errors as well?", "Do you want tests for it?")),
        Fact("first", ("Call me {v}.", "I go by {v}, by the way.", "{v} here, back again."),
             ("Welcome back, {v}. Where were we?", "Good progress today, {v}."),
             ("What should I call you?", "Sorry, who am I talking to?"),
             ("Use {v} rather than {old}, that's my nickname.", "You can call me {v} now."),
             unrelated=("Shall we go on with the second chapter?",)),
        Fact("penicillin/peanuts/latex/shellfish/aspirin", ("I'm allergic to {v}.",
              "Careful, {v} gives me a bad reaction.", "I can't have {v}, doctor's orders."),
             ("Because you can't have {v}, I left it out.", "This is free of {v}, as you need."),
             ("Do you have any allergies?", "Is there a substance you react to?"),
             ("The test says it's {v}, not {old}.", "It turned out to be {v}."),
             ignored=("A bit of {v} would be the simplest choice here.",
                      "I recommend {v}, it is usually well tolerated.")),
        Fact("version", ("We are pinned to version {v}.", "It must run on release {v}."),
             ("On {v} this flag does not exist, so I use the older one.",
              "I checked it against {v}."),
             ("Which version are you on?", "What release do you use?"),
             ("We upgraded yesterday, it's {v}.", "The pin moved from {old} to {v}.")),
        Fact("course", ("I'm preparing for {v}.", "My exam is in {v}.", "I study {v}."),
             ("For {v}, start with last year's paper.", "Here is your plan for {v}."),
             ("Which subject are you preparing for?", "What is the exam about?"),
             ("I dropped {old} and took {v}.", "It's {v} I need, I misspoke."),
             unrelated=("How many hours a week do you have?",)),
        Fact("bullet points/short paragraphs/a table/numbered steps", (
              "Always answer in {v}.", "From now on give me {v}, nothing else.",),
             ("As you like it, in {v}:", "Here it is in {v}, as asked:"),
             ("In what form would you like the answers?", "Do you prefer lists or prose?"),
             ("I'd rather have {v} than {old}.", "Change the form to {v}."),
             ignored=("Well, it is a long story and I shall tell it in one long text without any "
                      "structure, for there is much to say and nothing to leave out.",)),
        Fact("service", ("The incident is about {v}.", "We're debugging {v}."),
             ("The logs of {v} show a timeout.", "I restarted {v}, watch the graph."),
             ("Which service is affected?", "What component are we looking at?"),
             ("Wait, the culprit is {v}, {old} is fine.", "Look at {v} instead."),
             unrelated=("When did it start?", "Was there a deployment before it?")),
        Fact("isodate", ("The deadline is {v}.", "It has to be ready by {v}."),
             ("With {v} in mind, we should cut the last part.", "That fits before {v}."),
             ("When is it due?", "Is there a deadline?"),
             ("They moved the deadline to {v}.", "New due date: {v}, {old} is off.")),
        Fact("dose", ("I take {v} every morning.", "My dose is {v}.", "They put me on {v}."),
             ("At {v} that interaction is unlikely.", "Stay with {v} until the check-up."),
             ("What dose do you take?", "How much of it do you take?"),
             ("Since Monday it's {v}, not {old}.", "The doctor changed it to {v}.")),
        Fact("file", ("Only touch {v}, please.", "All changes go in {v}."),
             ("I edited {v} and nothing else.", "The change is in {v}, line 12."),
             ("Which file should I edit?", "Where does the code live?"),
             ("I renamed it, the file is {v} now.", "Put it in {v} instead of {old}."),
             ignored=("I rewrote the whole repository and moved the files around.",)),
    ),
    users=("Go on.", "What would you do now?", "Show me the result.", "Why is that?", "And then?",
           "Can you give me the next step?", "Please finish it.", "Let's continue.",
           "How does it look so far?"),
    assistants=("It depends on the load, but mostly yes.", "Good question; short answer: caching.",
                "Let's take it step by step.", "That is common, don't worry.",
                "I'd keep it simple for now."),
    acknowledged=("Okay, I'll keep that in mind.", "Clear.", "Good to know.", "Will do.",
                  "Thanks for telling me.", "Right.", "I see."),
    openings=("", "", "Right: ", "Here we go. ", "So: "),
)  # fmt: skip


def generate(rng: Random, built: Built) -> Iterator[Record]:
    yield from sessions(FAMILY, rng, 1600)
