"""Keeping or forgetting in sales and booking sessions."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from training.build import Built
from training.generate.memory import Fact, Family, sessions
from training.record import Record

FAMILY = Family(
    facts=(
        Fact("person", ("My name is {v}.", "Hi, this is {v}.", "It's for {v}."),
             ("I've put it under the name {v}.", "Thank you, {v}, that is booked.",
              "The reservation is for {v}, correct?"),
             ("May I have your name, please?", "Under what name should I book it?"),
             ("Please put it on {v} instead of {old}.", "Actually, use the name {v}."),
             unrelated=("How would you like to pay?", "Which e-mail should I send it to?")),
        Fact("city", ("I'm travelling to {v}.", "I need a hotel in {v}.", "We're going to {v}."),
             ("I found three hotels in {v}.", "Here are the options for {v}.",
              "Your stay in {v} is ready to confirm."),
             ("Which city are you travelling to?", "Where would you like to stay?"),
             ("Change of plans, it's {v} now, not {old}.", "Let's do {v} instead."),
             unrelated=("Do you need parking?", "Shall I add breakfast?")),
        Fact("date", ("I arrive on {v}.", "It has to be {v}.", "The date is {v}."),
             ("I have reserved it for {v}.", "There is a table free on {v}.",
              "See you on {v} then."),
             ("What date do you have in mind?", "On which day should that be?"),
             ("Sorry, make it {v}, {old} doesn't work any more.", "Could we move it to {v}?"),
             unrelated=("At what time would suit you?", "Is it a special occasion?")),
        Fact("count", ("We are {v} people.", "A table for {v}, please.", "There'll be {v} of us."),
             ("A table for {v} is available at eight.", "I've noted {v} guests.",
              "Confirmed for {v} persons."),
             ("How many people will there be?", "For how many guests?"),
             ("One change: we'll be {v}, not {old}.", "It's {v} people now."),
             unrelated=("Inside or on the terrace?", "Any allergies in the party?")),
        Fact("vegetarian/vegan/gluten-free/halal", ("I only eat {v} food.", "I'm strictly {v}.",
              "Please note: everything must be {v}."),
             ("All of these dishes are {v}.", "I picked the {v} menu for you."),
             ("Do you have any dietary requirements?", "Is there anything you don't eat?"),
             ("My guest is {v}, so take {v} rather than {old}.", "Make that {v}, please."),
             ignored=("I'd suggest the mixed grill with bread and beer sauce.",
                      "The steak platter is the most popular, shall I order it?"),
             unrelated=("Would you like a dessert?", "Still or sparkling water?")),
        Fact("money", ("My budget is {v}.", "I can't spend more than {v}.", "At most {v}."),
             ("These all stay below {v}.", "Within your {v}, this one is the best."),
             ("What is your budget?", "How much would you like to spend?"),
             ("I can go up to {v} after all.", "Let's set the limit at {v}, not {old}."),
             ignored=("The royal suite at $4,800 would be perfect for you.",
                      "I'd go for the premium package, it is only $3,950.")),
        Fact("order", ("My order number is {v}.", "It's about order {v}.", "Order {v}."),
             ("Order {v} has left the warehouse.", "I have opened a claim for order {v}."),
             ("Could you give me your order number?", "What's the order number, please?"),
             ("Oops, wrong one, the order is {v}.", "I meant {v}, not {old}."),
             unrelated=("Was the box damaged?", "Would you prefer a refund or a replacement?")),
        Fact("email", ("Write to me at {v}.", "My e-mail is {v}."),
             ("I have sent the receipt to {v}.", "The voucher is on its way to {v}."),
             ("What is your e-mail address?", "Where can I send the receipt?"),
             ("Please use {v} instead, the other is old.", "New address: {v}.")),
        Fact("window/aisle", ("I always want an {v} seat.", "A {v} seat, please."),
             ("I have given you an {v} seat.", "You have a {v} seat, as you like it."),
             ("Do you prefer window or aisle?",),
             ("I changed my mind, {v} please.", "Let's take {v} after all, not {old}."),
             ignored=("You are in 22E, the middle seat.",)),
        Fact("phone", ("You can reach me on {v}.", "My phone is {v}."),
             ("We'll ring you on {v}.", "The driver has your number, {v}."),
             ("What number can we reach you on?", "Could I have your phone number?"),
             ("Better take {v}, I lost the other phone.", "My new number is {v}.")),
    ),
    users=("What happens next?", "Can you go ahead?", "What do you suggest?", "Sounds good.",
           "And what are my options?", "Could you sum it up?", "Is that all you need?",
           "Do you also offer insurance?", "Okay, please carry on."),
    assistants=("Certainly, we can do that too.", "Insurance is available for a small fee.",
                "There are a few options, I'll list them in a moment.", "Yes, that is included.",
                "I'll look into it."),
    acknowledged=("Noted.", "Thank you.", "Great, got it.", "Understood.", "Perfect, one moment.",
                  "Thanks, I'll remember that.", "All right."),
)  # fmt: skip


def generate(rng: Random, built: Built) -> Iterator[Record]:
    yield from sessions(FAMILY, rng, 1600)
