"""Customer-support sessions: shops, travel, banking, telephony."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from training.build import Built
from training.generate.frustration import Bank, sessions
from training.record import Record

BANK = Bank(
    topics=(
        ("my refund", "order 48213"), ("the parcel", "the red jacket"),
        ("my flight change", "the Friday flight"), ("my hotel booking", "two nights in Lisbon"),
        ("the card payment", "the charge of $84"), ("my internet contract", "the new router"),
        ("the loan application", "the payslip I sent"), ("my subscription", "the yearly plan"),
        ("the warranty claim", "the broken kettle"), ("my train ticket", "seat 14C"),
        ("the insurance claim", "the car window"), ("my phone number transfer", "the SIM card"),
    ),
    openers=(
        "Hi, I'd like to ask about {t}.", "Hello, can you help me with {t}? It's about {x}.",
        "Good morning. What is the status of {t}?", "I need to change something about {t}.",
        "Could you check {t} for me, please?", "Hey there, quick question on {t} ({x}).",
        "I'm writing about {t}.", "Is there any news on {t}?",
    ),
    replies=(
        "I've checked {t}: everything is in order and you will get a message tomorrow.",
        "Of course. I have updated {t} as you asked.", "I can see {x} here. What should I change?",
        "That has been passed on to the team in charge, reference 7714.",
        "Certainly, {x} has been noted and will be handled within two days.",
    ),
    useless=(
        "I'm sorry, I didn't understand. Could you rephrase your question?",
        "You can find information on our help page.", "Please provide your order number.",
        "I'm afraid I can't do that. Is there anything else I can help you with?",
        "Thank you for your patience. Please try again later.",
        "To help with {t}, please tell me what it is about.",
    ),
    frustrated=(
        "This is the third time I've told you about {x}. Are you even reading what I write?",
        "You're useless. Just get me a real person.", "I already gave you that number. Twice!",
        "Forget it, I'm done. Worst service I've ever had.",
        "Why do you keep asking the same thing over and over? It's about {t}!",
        "This is ridiculous. I have been going in circles for an hour because of you.",
        "Stop sending me to the help page. It doesn't answer anything.",
        "Are you kidding me? That is not what I asked for.",
        "I'm so sick of this bot. HUMAN. NOW.", "No, no, no. You got it wrong again.",
        "What a waste of time. I'll cancel everything and go elsewhere.",
        "Unbelievable. You said it was done and it isn't.",
        "Do you understand English? I said {t}, not something else.",
        "How hard can it be to look up {x}? Honestly.",
    ),
    mild=(
        "That still doesn't answer my question.", "As I said before, it's about {x}.",
        "Hmm, you have asked me this already.", "I don't think you're listening.",
        "This isn't getting us anywhere, is it?", "Sigh. Once more: {t}.",
        "I'm starting to lose my patience here.", "Great, another link that doesn't help.",
        "Never mind, I'll call instead.", "I expected better than this, to be honest.",
    ),
    calm=(
        "It's about {x}.", "Yes, that's right.", "Could you also send me a confirmation?",
        "Thanks, that helps a lot.", "When will that be?", "Okay, I'll wait for the message.",
        "Sure, the reference is 55120.", "Perfect, thank you!", "And what would it cost?",
        "No problem, take your time.", "Sorry, I should have said that earlier.",
        "Can I do that online as well?",
    ),
    bad_news=(
        "My flight was cancelled and I'm stranded with two kids. Can you help me find another?",
        "Someone stole my wallet last night, I need to block the card.",
        "The courier was rude to me and dropped {x}. What can I do now?",
        "My father died last week and I have to close his account. How do I do that?",
        "I hate this weather, it ruined the whole trip. Can I move {t} to June?",
        "I was charged twice by the hotel, that made me angry. Could you look into it?",
        "I lost my job, so I have to cancel {t}. What are the steps?",
        "The other company lied to me, that's why I'm switching to you.",
    ),
    joy=(
        "Holy crap, that was fast! Thank you!", "Damn, you're good. Love it.",
        "No way!!! That's bloody brilliant.", "YES! Finally it works, you're the best!",
        "Wow, I can't believe it, insane service. Cheers!", "Hell yeah, thanks a ton!!!",
    ),
    correction=(
        "Sorry, I meant the other one: {x}.", "Not quite, I was asking about {t}.",
        "Small correction: it's {x}.", "Ah no, my mistake, I gave you the wrong date.",
        "Actually, could we do next week instead?", "I think there's a mix-up, it concerns {t}.",
        "Almost! It should be two, not three.",
    ),
    urgent=(
        "This is urgent, I leave in an hour. Could you please check {t} right away?",
        "I need an answer today if at all possible, thank you.",
        "PLEASE HURRY, boarding starts in ten minutes, which gate?",
        "It's an emergency, my card was swallowed. What do I do first?",
        "Can we speed this up? My meeting starts soon. Thanks for understanding.",
    ),
)  # fmt: skip


def generate(rng: Random, built: Built) -> Iterator[Record]:
    yield from sessions(BANK, rng, 2700)
