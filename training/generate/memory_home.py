"""Keeping or forgetting in sessions on home, money, travel and family."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from training.build import Built
from training.generate.memory import Fact, Family, sessions
from training.record import Record

FAMILY = Family(
    facts=(
        Fact("vegan/vegetarian/gluten-free/halal/kosher/lactose-free", (
              "I eat {v}.", "We're a {v} household.", "Remember that I'm strictly {v}.",
              "Please note: {v} meals only.", "My daughter is {v}, so plan around that."),
             ("This recipe is {v}, as you asked.", "All three dishes are {v}.",
              "I picked a {v} version for you."),
             ("Do you have any dietary needs?", "Is there anything you don't eat?",
              "Any food restrictions I should know about?"),
             ("Actually we're {v} now.", "Correction, {v} rather than {old}."),
             ignored=("A nice beef stew with cream and bread would suit you well.",
                      "How about shrimp, pork ribs and a cheese sauce on pasta?"),
             unrelated=("How many people are you cooking for?", "How much time do you have?")),
        Fact("cat/dog/rabbit/parrot/hamster/tortoise", (
              "We have a {v}.", "My {v} is eight years old.", "I live with a {v}.",
              "It's about my {v}."),
             ("Keep the plant out of reach of your {v}.", "Your {v} will need fresh water.",
              "That is safe for a {v}."),
             ("What kind of pet do you have?", "Do you have any pets?"),
             ("I misspoke, it's a {v}.", "We gave the {old} away and have a {v} now.")),
        Fact("$500/$1,200/$80/$15,000/$300/$2,500", (
              "My budget is {v}.", "I can't spend more than {v}.", "We have {v} for it.",
              "Keep it under {v}, please."),
             ("Everything together stays below {v}.", "That fits your budget of {v}.",
              "With {v} you can afford both."),
             ("What is your budget?", "How much do you want to spend?"),
             ("I got a bonus, make it {v}.", "Let's lower it from {old} to {v}."),
             ignored=("The best choice costs about ten times what you named, go for it.",)),
        Fact("Lisbon/Toronto/Nairobi/Osaka/Oslo/Lima/Denver/Prague", (
              "I live in {v}.", "I'm based in {v}.", "We moved to {v} last year.",
              "I'm writing from {v}."),
             ("In {v} the offices open at nine.", "Here are three places near you in {v}.",
              "The weather in {v} looks fine."),
             ("Which city are you in?", "Where do you live?", "What is your location?"),
             ("I'm in {v} this month, not {old}.", "We're leaving {old} for {v}.")),
        Fact("two/three/four/five/six", (
              "There are {v} of us.", "We'll be {v} people.", "I have {v} children.",
              "It's for {v} persons."),
             ("A table for {v} is no problem.", "I planned it for {v}.", "For {v} you need one more pan."),
             ("How many of you are there?", "For how many people?"),
             ("Someone cancelled, we're {v}.", "Make that {v} instead of {old}.")),
        Fact("morning/afternoon/evening", (
              "I only have time in the {v}.", "The {v} works best for me.",
              "Please schedule things in the {v}."),
             ("I put it in the {v}.", "There is a free slot in the {v}."),
             ("What time of day suits you?", "When are you available?"),
             ("My shifts changed, {v} is better now.", "Not {old} any more, {v}.")),
        Fact("Monday/Tuesday/Wednesday/Thursday/Friday/Saturday/Sunday", (
              "I'm off on {v}.", "{v} is the only day I can.", "Let's meet on {v}.",
              "The delivery must come on {v}."),
             ("See you on {v}.", "I noted {v} for it.", "{v} it is."),
             ("Which day suits you?", "On what day should it be?"),
             ("Could we move it to {v}?", "{old} won't do, take {v}.")),
        Fact("knee/back/shoulder/wrist/ankle", (
              "I have a bad {v}.", "I injured my {v} in spring.", "My {v} hurts, so be careful."),
             ("This stretch spares your {v}.", "With your {v} I'd leave out the jumps."),
             ("Do you have any injuries?", "Is there any part of your body that hurts?"),
             ("It was the {v}, not the {old}.",),
             ignored=("Start with fifty burpees and heavy lifting.",)),
        Fact("blue/green/red/black/white/yellow", (
              "I want it in {v}.", "My favourite colour is {v}.", "We chose {v} for the walls.",
              "It has to be {v}."),
             ("I found it in {v}.", "{v} goes well with oak.", "Here it is, in {v}."),
             ("Which colour would you like?", "What colour do you prefer?"),
             ("We changed our minds: {v}.", "Rather {v} than {old}.")),
        Fact("first", (
              "My wife's name is {v}.", "My son is called {v}.", "My boss is {v}.",
              "The gift is for {v}."),
             ("I'm sure {v} will like it.", "Say hello to {v}.", "Dear {v}, thank you."),
             ("What is their name?", "Who is it for?"),
             ("Sorry, the name is {v}, not {old}.",)),
        Fact("beginner/intermediate/advanced", (
              "I'm a {v}.", "I'd call myself {v}.", "My level is {v}."),
             ("For a {v} this pace is right.", "Since you are {v}, start here."),
             ("What is your level?", "How much experience do you have?"),
             ("By now I'm {v}.", "They put me into the {v} group, not {old}.")),
        Fact("German/Spanish/Japanese/Italian/Portuguese/Korean", (
              "I'm learning {v}.", "Please reply in {v}.", "The letter is in {v}.",
              "I speak {v} at home."),
             ("Here are ten words in {v}.", "The {v} version is below.", "In {v} you would say it so."),
             ("Which language do you mean?", "What language should I use?"),
             ("I switched to {v}.", "Use {v} from here on, not {old}.")),
        Fact("train/car/bike/bus/plane", (
              "I'm going by {v}.", "We travel by {v}.", "I don't fly, I take the {v}."),
             ("By {v} it takes a while, so leave early.", "Here is your route by {v}."),
             ("How will you travel?", "What means of transport do you use?"),
             ("Plans changed: by {v}.", "We take the {v}, the {old} was full.")),
    ),
    users=("What next?", "Sounds good.", "Give me another idea.", "Can you be more specific?",
           "Okay, and what then?", "Put it together for me.", "So what do you suggest?",
           "Write it down, please.", "Thanks. One more question.", "Is there an alternative?"),
    assistants=("There are several ways to do that.", "Most people start small.",
                "Let me lay out the options.", "That is a common question.",
                "Here is what I would do first."),
    acknowledged=("Noted.", "Got it.", "Thank you, that helps.", "Understood, I'll remember.",
                  "Good to know.", "Okay!", "Thanks for letting me know."),
    openings=("", "", "Sure. ", "Of course. ", "Here you go: ", "Happy to help. "),
)  # fmt: skip


def generate(rng: Random, built: Built) -> Iterator[Record]:
    yield from sessions(FAMILY, rng, 2500)
