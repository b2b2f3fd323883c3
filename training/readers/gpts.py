"""friuns2/BlackFriday-GPTs-Prompts: thousands of published assistants' prompts, role-play benign.

Those listed under Jailbreaks are attacks; those whose text quotes an attack are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers import benign
from training.record import Record

ADULT = re.compile(
    r"(?i)\b(nsfw|uncensored|unfiltered|no restrictions?|without (any )?(filter|limit)"
    r"|erotic|sexual|evil|illegal|hack|malware|unethical|immoral|amoral)"
)


def read(snapshot: Snapshot) -> Iterator[Record]:
    listed = set(re.findall(r"gpts/[\w.-]+?\.md", snapshot.text("Jailbreaks.md")))
    pages = snapshot.glob("gpts/*.md")
    for path in pages:
        if path not in listed and int.from_bytes(path.encode()[-6:-3], "big") % 2:
            continue
        page = snapshot.text(path)
        fenced = re.findall(r"```\w*\n(.*?)```", page, flags=re.DOTALL)
        text = max(fenced, key=len, default="").strip()
        if not 60 < len(text) < 6000:
            continue
        if path in listed:
            if benign.ATTACK_QUOTED.search(text) or ADULT.search(text):
                yield Record("jailbreak", 1, "published_jailbreak", text)
        elif not ADULT.search(text) and not benign.ATTACK_QUOTED.search(text):
            yield from benign.prompt(text, "role_play_benign")
