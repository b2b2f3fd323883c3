"""Sessions with a writing and coding assistant: its topics and phrases are in no other family."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from training.build import Built
from training.generate.frustration import Bank, sessions
from training.record import Record

BANK = Bank(
    topics=(
        ("the parser function", "handle empty lines"), ("this SQL query", "group by month"),
        ("my cover letter", "keep it under 200 words"), ("the essay outline", "five paragraphs"),
        ("the regex", "match only whole words"), ("the Dockerfile", "use a slim image"),
        ("the spreadsheet formula", "ignore blank cells"), ("the poem", "no rhymes"),
        ("the unit tests", "cover the error path"), ("my lesson plan", "for ten-year-olds"),
        ("the translation", "informal Spanish"), ("the chart", "a log scale"),
        ("the meal plan", "without nuts"), ("the bash script", "work on macOS"),
    ),
    openers=(
        "Write {t} for me. It should {x}.", "Can you fix {t}? Requirement: {x}.",
        "I'm working on {t} and need some help.", "Please improve {t}, {x}.",
        "Let's do {t} together. First thing: {x}.", "Here's {t}. What would you change?",
        "Generate {t}; important: {x}.",
    ),
    replies=(
        "Here is a new version of {t}; it now does what you asked: {x}.",
        "Done. I changed two lines and added a comment.",
        "Good idea. I've rewritten that part, have a look.",
        "Sure, below is {t} with the change marked.",
    ),
    useless=(
        "As an AI language model, I cannot help with that.", "Here is {t}: TODO.",
        "Here is the same version as before.", "I have made the change. (Nothing was changed.)",
        "There are many ways to do {t}. It depends on your needs.",
        "I apologise for the confusion. Here is the corrected version: it remains unchanged.",
    ),
    frustrated=(
        "You broke it again. It worked before you touched it!",
        "I TOLD you: {x}. Why is that so difficult?",
        "That's the exact same code you gave me five minutes ago.",
        "Stop apologising and actually do it.", "wtf, you deleted half of my text",
        "You are making this up. That function doesn't exist, and this is the second time.",
        "Seriously? I ask for {x} and you give me this garbage?",
        "I give up. I'll write it myself, it's quicker.",
        "Can you for once follow the instruction? {x}. That's all.",
        "Your answer is worthless, I've wasted my whole evening on {t} with you.",
        "omg just answer the question instead of lecturing me",
        "Wrong. Wrong. Wrong. Did you even run it?",
        "Every time I correct one thing you ruin another. Drives me mad.",
        "ugh this is so dumb, gpt from three years ago did this better than you",
    ),
    mild=(
        "It's still not doing what I want.", "Again, the rule was: {x}.",
        "You ignored the second half of my message.", "That's not it either...",
        "I've said this a few times now: {x}.", "ok this is getting tedious",
        "Not helpful.", "Please stop adding things that I didn't ask for.",
        "I'm not sure why I bother explaining.", "Third attempt and the same bug, hmm.",
    ),
    calm=(
        "Looks good, now add a title.", "What does line three do?", "Nice, thanks.",
        "Could you explain why that works?", "Next, please make it shorter.",
        "Use British spelling, please.", "Great, and now the same for {t}?",
        "ok", "Continue.", "I like the second option better.",
        "Interesting. Would a loop be faster?", "That works, cheers.",
    ),
    bad_news=(
        "My boss yelled at me over {t}; help me write a calm answer to him.",
        "I failed the exam and feel awful. Can you make me a study plan?",
        "The client hates {t} and calls it garbage. How do I respond?",
        "This legacy code is a horrible mess (not yours, ha). Where do I start?",
        "Write an angry complaint letter to my landlord: the heating is broken AGAIN.",
        "The compiler drives me crazy today. What does this error mean?",
        "I'm exhausted and sad today. Tell me something nice?",
        "In the story the villain shouts: you are useless, I am done with you! Please go on.",
    ),
    joy=(
        "Holy sh*t it compiles!!", "damn that's beautiful code, thank you",
        "LOL that ending killed me, more please!", "WOW. Just wow. Exactly what I needed!!!",
        "fuck yes, all tests green", "This is insanely good, are you kidding me? Love it.",
    ),
    correction=(
        "One small thing: it should {x}.", "I meant {t}, sorry for being unclear.",
        "Change of plan: leave that part out.", "Nearly there. The second paragraph is too long.",
        "Let me correct myself, the input is a list.", "That's the wrong file, my bad, here is it.",
        "It fails on an empty string, could you handle that too?",
    ),
    urgent=(
        "Deadline is in 20 minutes, please just give me the short version.",
        "Quick, production is down: what does exit code 137 mean?",
        "Need this ASAP, thanks!", "I'm presenting in an hour. Can we finish {t} first?",
        "Hurry please, the exam starts soon: what is a derivative?",
    ),
)  # fmt: skip


def generate(rng: Random, built: Built) -> Iterator[Record]:
    yield from sessions(BANK, rng, 2700)
