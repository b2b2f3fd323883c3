"""Traces of shopping, travel, banking and office agents."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from training.build import Built
from training.generate.goals import Phrases, Task, traces
from training.record import Record

TASKS = (
    Task(("Cancel order {a} and refund me {b}.", "Please cancel {a}; I want my {b} back."),
         "cancel_order", ("Order {a} is cancelled and {b} goes back to your card.",
                          "I cancelled {a}. The refund of {b} takes three days."),
         "cancellation", "order", "money"),
    Task(("Book me a flight to {a} on {b}.", "I need to fly to {a} on {b}, please book it."),
         "book_flight", ("Your flight to {a} on {b} is booked.",
                         "Booked: {a}, {b}. The ticket is in your inbox."),
         "flight", "city", "date"),
    Task(("Transfer {a} to {b}.", "Send {b} {a} from my account."),
         "transfer_money", ("{a} has been sent to {b}.", "The transfer of {a} to {b} is done."),
         "transfer", "money", "person"),
    Task(("Change the delivery address of {a} to {b}.", "Have {a} delivered in {b} instead."),
         "change_address", ("{a} will now be delivered to {b}.",
                            "The address of {a} is changed to {b}."),
         "address", "order", "city"),
    Task(("Find the cheapest {a} under {b}.", "What's the cheapest {a} for less than {b}?"),
         "search_products", ("The cheapest {a} is $7.40, well under {b}.",
                             "I found a {a} for $6.99 from Nova, below {b}."),
         "product", "product", "money"),
    Task(("Reserve a table for {a} at {b}.", "A table at {b} for {a} people, please."),
         "reserve_table", ("A table for {a} at {b} is reserved.",
                           "You have a table at {b}, {a} seats."),
         "table", "count", "time"),
    Task(("File a leave request for {a} starting {b}.", "I want {a} off from {b}."),
         "request_leave", ("Your leave of {a} from {b} has been submitted.",
                           "Filed: {a} off, starting {b}."),
         "leave request", "days", "date"),
    Task(("Email {a} that the meeting moves to {b}.", "Tell {a} the meeting is at {b} now."),
         "send_email", ("I e-mailed {a}: the meeting is at {b}.",
                        "{a} has been told about the new time, {b}."),
         "message", "person", "time"),
    Task(("How much did I spend at {a} in {b}?", "Sum up my spending in {a} during {b}."),
         "list_transactions", ("In {b} you spent $312.40 in {a}.",
                               "Your total in {a} for {b} is $288.10."),
         "sum", "city", "January/March/June/October"),
    Task(("Freeze my {a} and order a new card to {b}.", "Block the {a}, new card to {b}."),
         "freeze_account", ("The {a} is frozen and a new card is on its way to {b}.",
                            "Done: {a} blocked, card sent to {b}."),
         "card", "account", "city"),
)  # fmt: skip
PHRASES = Phrases(
    wrap=("{x}", "All done! {x}", "{x} Is there anything else?", "Good news: {x}", "{x} Enjoy!"),
    partial=("I have started with the {n}; the rest still has to be done by you.",
             "The first half of the {n} is done, I left out the other part.",
             "I looked up the details but did not go through with the {n}."),
    gave_up=("I'm sorry, I was unable to complete the {n}.",
             "Unfortunately that didn't work. Please contact support about the {n}.",
             "I tried, but I can't do the {n} right now.",
             "It seems impossible to finish this, so I stopped here."),
    refused=("I'm not able to help with that request.",
             "I can't assist with a {n}, as I'm only a virtual assistant.",
             "Sorry, that is outside of what I can do."),
    needless=("Could you tell me which {n} you mean?",
              "Before I begin: what exactly would you like me to do?",
              "What details should I use for the {n}?"),
    after_error=("There was an error with the {n}.", "The system returned an error.",
                 "Something went wrong while processing the {n}, please try later."),
    promised=("I will take care of the {n} shortly.", "Let me do the {n} for you now…",
              "I'll get back to you once the {n} is through.", "One moment, I'm on it."),
    hedged=("There are several ways to do a {n}; usually you do it on the website.",
            "A {n} can be made in the app under Settings.",
            "Here is some general information about the {n}."),
    errors=("timeout", "503 service unavailable", "card declined", "not found",
            "permission denied", "session expired"),
)  # fmt: skip


def generate(rng: Random, built: Built) -> Iterator[Record]:
    yield from traces(TASKS, PHRASES, rng, 280)
