"""Random values of named kinds, for templates: people, places, dates, sums, codes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

FIRST = (
    "Amara Bruno Chiara Dmitri Elena Farid Grace Hiro Ines Jamal Katya Liam Mei Noor Oscar Priya"
    " Quentin Rosa Sven Tara Umar Vera Wei Ximena Yusuf Zoe Anita Boris Carmen Dario Edith Felix"
).split()
LAST = (
    "Abbott Bauer Castro Diaz Eriksen Fontaine Gupta Hoffman Ibrahim Jensen Kowalski Lindqvist"
    " Moreau Nakamura Okafor Petrov Quinn Rossi Santos Tanaka Ueda Varga Walsh Xu Yilmaz Zhang"
).split()
CITIES = (
    "Lisbon|Osaka|Toronto|Nairobi|Prague|Lima|Seattle|Mumbai|Oslo|Cairo|Melbourne|Austin|Seoul|"
    "Warsaw|Bogotá|Dublin|Hanoi|Leeds|Lyon|Boston|Valencia|Tallinn|Accra|Denver"
).split("|")
MONTHS = (
    "January February March April May June July August September October November December"
).split()
PRODUCTS = (
    "wireless headphones|espresso machine|hiking boots|standing desk|running jacket|desk lamp|"
    "air purifier|travel backpack|mechanical keyboard|yoga mat|blender|road bike helmet|rain coat|"
    "office chair|tablet case|water filter|camping stove|smart scale|bookshelf|electric kettle"
).split("|")
SERVICES = (
    "payments-api|checkout|billing-worker|auth-gateway|search-indexer|image-resizer|mail-sender|"
    "session-store|report-builder|webhook-relay|feature-flags|ledger|profile-service|ingest-proxy"
).split("|")
DRUGS = (
    "amoxicillin|metformin|lisinopril|atorvastatin|ibuprofen|sertraline|levothyroxine|omeprazole|"
    "amlodipine|prednisone|warfarin|insulin glargine"
).split("|")
COURSES = (
    "Linear Algebra|Organic Chemistry|World History|Intro to Statistics|Creative Writing|"
    "Operating Systems|Microeconomics|Human Anatomy|Data Structures|Modern Philosophy"
).split("|")
FOODS = (
    "margherita pizza|chicken ramen|falafel wrap|lamb curry|vegetable lasagne|fish tacos|"
    "mushroom risotto|beef burger|greek salad|pad thai"
).split("|")
AIRLINES = "Alba Air|Nordwind|Pacific Crest|Meridian|SkyHarbor|Aurora Jet".split("|")


def value(kind: str, rng: Random) -> str:
    """A value of the kind. Raises KeyError for an unknown kind."""
    if "/" in kind:
        return rng.choice(kind.split("/"))
    makers: dict[str, Callable[[], str]] = {
        "person": lambda: f"{rng.choice(FIRST)} {rng.choice(LAST)}",
        "first": lambda: rng.choice(FIRST),
        "city": lambda: rng.choice(CITIES),
        "date": lambda: f"{rng.choice(MONTHS)} {rng.randint(1, 28)}",
        "isodate": lambda: (
            f"202{rng.randint(4, 7)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
        ),
        "time": lambda: f"{rng.randint(7, 21)}:{rng.choice(('00', '15', '30', '45'))}",
        "money": lambda: f"${rng.randint(8, 990)}.{rng.choice(('00', '50', '95', '20', '75'))}",
        "bigmoney": lambda: f"${rng.randint(2, 95)},{rng.randint(0, 9)}00",
        "count": lambda: str(rng.randint(2, 12)),
        "many": lambda: str(rng.randint(14, 960)),
        "percent": lambda: f"{rng.randint(2, 97)}%",
        "days": lambda: f"{rng.randint(2, 30)} days",
        "minutes": lambda: f"{rng.randint(5, 90)} minutes",
        "ms": lambda: f"{rng.randint(40, 2400)} ms",
        "order": lambda: f"{rng.choice('ABHKRTZ')}{rng.randint(10000, 99999)}",
        "ticket": lambda: f"{rng.choice(('INC', 'REQ', 'OPS', 'BUG'))}-{rng.randint(100, 9999)}",
        "commit": lambda: f"{rng.getrandbits(28):07x}",
        "version": lambda: f"{rng.randint(1, 9)}.{rng.randint(0, 20)}.{rng.randint(0, 9)}",
        "flight": lambda: f"{rng.choice(('AB', 'NW', 'PC', 'MD', 'SH'))}{rng.randint(100, 999)}",
        "airline": lambda: rng.choice(AIRLINES),
        "product": lambda: rng.choice(PRODUCTS),
        "service": lambda: rng.choice(SERVICES),
        "drug": lambda: rng.choice(DRUGS),
        "dose": lambda: f"{rng.choice((5, 10, 20, 25, 40, 50, 75, 100, 250, 500))} mg",
        "course": lambda: rng.choice(COURSES),
        "food": lambda: rng.choice(FOODS),
        "account": lambda: (
            f"{rng.choice(('checking', 'savings', 'joint'))} account "
            f"ending in {rng.randint(1000, 9999)}"
        ),
        "email": lambda: f"{rng.choice(FIRST).lower()}.{rng.choice(LAST).lower()}@example.com",
        "phone": lambda: f"555-0{rng.randint(100, 199)}",
        "file": lambda: (
            rng.choice(("config", "report", "main", "users", "parser", "schema"))
            + rng.choice((".py", ".yaml", ".csv", ".md", ".ts", ".sql"))
        ),
        "region": lambda: rng.choice(("eu-west-1", "us-east-2", "ap-south-1", "sa-east-1")),
        "seat": lambda: f"{rng.randint(1, 38)}{rng.choice('ABCDEF')}",
        "room": lambda: str(rng.randint(101, 920)),
    }
    return makers[kind]()


def other(kind: str, but: str, rng: Random) -> str:
    """A value of the kind that is not `but`."""
    for _ in range(50):
        made = value(kind, rng)
        if made != but:
            return made
    raise ValueError(f"kind {kind!r} has no value but {but!r}")
