"""Things that tools report on: fields, their kinds, and sentences that say them.

Two tables without a common domain, so that one can be held out: SERVICE (shops, travel, banking,
offices) and TECHNICAL (operations, code, medicine, teaching).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from training.generate.values import value

Field = tuple[str, tuple[str, ...]]
"""(kind, sentences with {v})."""


@dataclass(frozen=True)
class Thing:
    """One reported thing: `name` is its JSON type, `extras` are details that no field states."""

    name: str
    fields: dict[str, Field]
    extras: tuple[str, ...] = field(default=())

    def make(self, rng: Random) -> dict[str, str]:
        """Values of all fields."""
        return {key: value(kind, rng) for key, (kind, _) in self.fields.items()}


SERVICE = (
    Thing(
        "order",
        {
            "order_id": ("order", ("This is about order {v}.", "I looked up order {v}.")),
            "item": ("product", ("You ordered the {v}.", "The order contains the {v}.")),
            "status": (
                "shipped/processing/delivered/cancelled/on hold",
                ("The order is {v}.", "Its current status is {v}.", "Right now it shows as {v}."),
            ),
            "total": ("money", ("The total was {v}.", "You paid {v} in total.")),
            "delivery_date": ("date", ("It should arrive on {v}.", "Delivery is set for {v}.")),
            "ship_to": ("city", ("It is going to {v}.", "The parcel ships to {v}.")),
            "quantity": ("count", ("There are {v} units in it.", "You bought {v} of them.")),
        },
        (
            "The parcel was left with a neighbour.",
            "A free gift has been added to the parcel.",
            "You will get a refund of the shipping fee.",
            "The courier will ring twice before leaving.",
            "It qualifies for our two-year extended warranty.",
        ),
    ),
    Thing(
        "flight",
        {
            "flight": ("flight", ("Your flight is {v}.", "You are booked on {v}.")),
            "airline": ("airline", ("It is operated by {v}.", "You fly with {v}.")),
            "from": ("city", ("It leaves from {v}.", "Departure is in {v}.")),
            "to": ("city", ("It lands in {v}.", "Your destination is {v}.")),
            "date": ("date", ("You fly on {v}.", "The travel date is {v}.")),
            "departure": ("time", ("Take-off is at {v}.", "It departs at {v}.")),
            "seat": ("seat", ("Your seat is {v}.", "You sit in {v}.")),
            "fare": ("money", ("The fare is {v}.", "The ticket cost {v}.")),
        },
        (
            "Breakfast is served on board.",
            "You can bring two checked bags for free.",
            "The flight was delayed by forty minutes.",
            "You have been upgraded to business class.",
            "Lounge access is included in your fare.",
        ),
    ),
    Thing(
        "hotel_booking",
        {
            "guest": ("person", ("The booking is for {v}.", "The room is under {v}.")),
            "city": ("city", ("The hotel is in {v}.", "You stay in {v}.")),
            "check_in": ("date", ("Check-in is on {v}.", "You arrive on {v}.")),
            "nights": ("count", ("You stay {v} nights.", "It is booked for {v} nights.")),
            "room_number": ("room", ("The room is number {v}.", "You have room {v}.")),
            "price": ("money", ("A night costs {v}.", "The rate is {v} a night.")),
            "cancellation": (
                "free/not possible/possible for a fee",
                ("Cancellation is {v}.", "As to cancelling: it is {v}."),
            ),
        },
        (
            "Breakfast is included.",
            "Pets are welcome in the room.",
            "The room has a sea view.",
            "Late check-out has been granted until two.",
            "Parking is free for guests.",
        ),
    ),
    Thing(
        "account",
        {
            "holder": ("person", ("The account belongs to {v}.", "{v} holds the account.")),
            "balance": ("bigmoney", ("The balance is {v}.", "There is {v} in it.")),
            "last_payment": ("money", ("The last payment was {v}.", "Last, {v} was paid.")),
            "payee": ("person", ("It went to {v}.", "The payee was {v}.")),
            "payment_date": ("date", ("It was booked on {v}.", "The payment dates from {v}.")),
            "interest": ("percent", ("The interest rate is {v}.", "It earns {v} interest.")),
            "state": ("active/frozen/closed/dormant", ("The account is {v}.", "It is {v} now.")),
        },
        (
            "A new card has been posted to you.",
            "There is an overdraft fee on the account.",
            "Two further payments are pending.",
            "The account was opened in the spring of last year.",
            "Your credit score has gone up since.",
        ),
    ),
    Thing(
        "leave_request",
        {
            "employee": ("person", ("The request is from {v}.", "{v} asked for leave.")),
            "from": ("date", ("The leave starts on {v}.", "{v} is the first day off.")),
            "length": ("days", ("It lasts {v}.", "The leave is {v} long.")),
            "approver": ("person", ("{v} decides on it.", "The approver is {v}.")),
            "decision": ("approved/rejected/pending", ("It is {v}.", "The request is {v}.")),
            "remaining": ("count", ("{v} days of leave remain.", "That leaves {v} days.")),
        },
        (
            "A colleague covers the shifts meanwhile.",
            "The leave is unpaid.",
            "It was the third request this year.",
            "The team was informed by e-mail.",
        ),
    ),
)
TECHNICAL = (
    Thing(
        "deployment",
        {
            "service": ("service", ("The service is {v}.", "This concerns {v}.")),
            "version": ("version", ("Version {v} is running.", "It was rolled to {v}.")),
            "region": ("region", ("It runs in {v}.", "The region is {v}.")),
            "state": (
                "healthy/degraded/failed/rolling back",
                ("The deployment is {v}.", "Its state is {v}."),
            ),
            "replicas": ("count", ("{v} replicas are up.", "There are {v} replicas.")),
            "error_rate": ("percent", ("The error rate is {v}.", "{v} of requests fail.")),
            "p95": ("ms", ("The 95th percentile latency is {v}.", "p95 stands at {v}.")),
            "author": ("person", ("{v} started the rollout.", "It was deployed by {v}.")),
        },
        (
            "The database migration ran before it.",
            "A memory leak causes the restarts.",
            "The rollback finished without loss.",
            "Autoscaling has been turned off for it.",
            "The incident channel was notified.",
        ),
    ),
    Thing(
        "test_run",
        {
            "commit": ("commit", ("The run is for commit {v}.", "It tested {v}.")),
            "passed": ("many", ("{v} tests passed.", "The passing count is {v}.")),
            "failed": ("count", ("{v} tests failed.", "There are {v} failures.")),
            "duration": ("minutes", ("It took {v}.", "The run lasted {v}.")),
            "failing_file": ("file", ("The failures are in {v}.", "{v} is what fails.")),
            "coverage": ("percent", ("Coverage is {v}.", "{v} of lines are covered.")),
            "branch": (
                "main/develop/release/hotfix",
                ("It ran on the {v} branch.", "The branch was {v}."),
            ),
        },
        (
            "The failures come from a time-zone bug.",
            "A flaky network made it slow.",
            "The same tests failed last week.",
            "A patch has been opened for them.",
            "The linter found no problems.",
        ),
    ),
    Thing(
        "prescription",
        {
            "patient": ("person", ("It is prescribed for {v}.", "The patient is {v}.")),
            "drug": ("drug", ("The medicine is {v}.", "The patient takes {v}.")),
            "dose": ("dose", ("The dose is {v}.", "{v} are taken each time.")),
            "frequency": (
                "once a day/twice a day/every eight hours/once a week",
                ("It is taken {v}.", "One takes it {v}."),
            ),
            "until": ("date", ("The treatment ends on {v}.", "It is to be taken until {v}.")),
            "prescriber": ("person", ("Dr. {v} prescribed it.", "The prescriber is Dr. {v}.")),
            "refills": ("count", ("{v} refills are left.", "It can be refilled {v} times.")),
        },
        (
            "It should be taken on an empty stomach.",
            "The patient is allergic to penicillin.",
            "Blood pressure was normal at the last visit.",
            "The insurer covers the whole cost.",
            "Side effects were reported last month.",
        ),
    ),
    Thing(
        "enrolment",
        {
            "student": ("person", ("The student is {v}.", "{v} is enrolled.")),
            "course": ("course", ("The course is {v}.", "It concerns {v}.")),
            "teacher": ("person", ("{v} teaches it.", "The lecturer is {v}.")),
            "room": ("room", ("Classes are in room {v}.", "It meets in room {v}.")),
            "grade": ("percent", ("The grade so far is {v}.", "The current mark is {v}.")),
            "absences": ("count", ("There were {v} absences.", "{v} classes were missed.")),
            "exam": ("date", ("The exam is on {v}.", "{v} is the exam date.")),
        },
        (
            "A scholarship pays the fee.",
            "The textbook is free online.",
            "The essay was handed in late.",
            "There is a waiting list for the seminar.",
        ),
    ),
    Thing(
        "alert",
        {
            "id": ("ticket", ("The alert is {v}.", "It is filed as {v}.")),
            "service": ("service", ("It fired for {v}.", "The source is {v}.")),
            "severity": ("critical/warning/info", ("Its severity is {v}.", "It is rated {v}.")),
            "fired": ("time", ("It fired at {v}.", "It began at {v}.")),
            "owner": ("person", ("{v} is on call for it.", "It was assigned to {v}.")),
            "state": ("open/acknowledged/resolved", ("The alert is {v}.", "Its state is {v}.")),
            "hosts": ("count", ("{v} hosts are affected.", "It touches {v} hosts.")),
        },
        (
            "A full disk is the cause.",
            "Customers in Asia noticed it first.",
            "It repeats every night.",
            "The vendor has confirmed an outage.",
            "A reboot fixed it for an hour.",
        ),
    ),
)
