"""/v1/reviews: answers on verdicts, kept by the service that has the database open;
/v1/calibrations: what they make of thresholds."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Literal

from clickhouse_connect.driver.client import Client
from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from classify.reviews import review_store
from classify.reviews.calibrating import Calibrating, CalibrationError
from classify.reviews.calibrating import told as calibration_told
from classify.reviews.calibration_store import Calibration
from classify.reviews.review_store import Review, ReviewError
from service.keys import ASKING, DEFAULT, PROJECT
from service.keys import told as whose

_Name = Annotated[str, Field(min_length=1, max_length=100)]


class Answer(BaseModel):
    """``answer``: of the verdict; '' takes it back. ``chosen``: how the row came to be asked."""

    model_config = ConfigDict(extra="forbid")

    classifier: _Name
    trace_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    span_id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    answer: Literal["right", "wrong", "unsure", ""]
    chosen: Literal["random", "near", "asked"] = "asked"
    reviewer: Annotated[str, Field(max_length=200)] = ""
    kind: Literal["person", "teacher"] = "person"


def router(connect: Callable[[], Client], database: str) -> APIRouter:
    """``connect``: a client for one request. Answers 409 for a row that can't be reviewed."""
    routes = APIRouter(prefix="/v1/reviews")

    @routes.post("")
    def answer(body: Answer) -> dict[str, Any]:
        """Keep an answer."""
        try:
            with connect() as client:
                return told(
                    review_store.add(
                        client,
                        database,
                        body.classifier,
                        body.trace_id,
                        body.span_id,
                        body.answer,
                        reviewer=body.reviewer,
                        chosen=body.chosen,
                        kind=body.kind,
                        project=ASKING.get().project,
                    )
                )
        except ReviewError as error:
            raise HTTPException(HTTPStatus.CONFLICT, str(error)) from error

    @routes.get("")
    def answers(classifier: str = "") -> list[dict[str, Any]]:
        """The newest answers, oldest first."""
        with connect() as client:
            mine = ASKING.get().project
            found = review_store.read(client, database, classifier, project=mine)
            return [told(each) for each in found]

    return routes


class Asking(BaseModel):
    """``undo``: take the last calibration back instead of looking for another. ``project``: whose
    answers, and for whose rows; `default` and '' for the default one. A key's is its own."""

    model_config = ConfigDict(extra="forbid")

    classifier: _Name
    undo: bool = False
    project: Annotated[str, Field(pattern=rf"^({PROJECT.pattern})?$")] = ""
    author: Annotated[str, Field(max_length=100)] = ""


def calibrations(calibrating: Calibrating) -> APIRouter:
    """Answers 409 for what can't be calibrated or taken back."""
    routes = APIRouter(prefix="/v1/calibrations")

    def is_own(classifier: str, project: str) -> bool:
        """Whether whoever asks may: a key's are those of its project, and no other's."""
        own = ASKING.get().project
        if own is None:
            return True
        if classifier in calibrating.built_in:
            return project == own
        return classifier.startswith(f"{whose(own)}/")

    @routes.post("")
    def ask(body: Asking) -> dict[str, Any]:
        """Let the reviews move a threshold now, or take the last move back. ``calibration``: the
        new state, null where nothing changes; ``reason``: why."""
        project = ASKING.get().project
        if project is None or (body.project and body.project != whose(project)):
            project = "" if body.project == DEFAULT else body.project
        try:
            if not is_own(body.classifier, project):
                raise CalibrationError("this key moves what is its own project's, and no other's")
            if body.undo:
                state: Calibration | None = calibrating.undo(body.classifier, body.author, project)
                reason = state.reason if state else ""
            else:
                state, reason = calibrating.now(body.classifier, body.author, project)
        except CalibrationError as error:
            raise HTTPException(HTTPStatus.CONFLICT, str(error)) from error
        return {"calibration": calibration_told(state) if state else None, "reason": reason}

    @routes.get("")
    def states(classifier: str = "") -> list[dict[str, Any]]:
        """All states, oldest first; with a key, those of its project."""
        found = calibrating.history(classifier)
        return [calibration_told(each) for each in found if is_own(each.classifier, each.project)]

    return routes


def told(review: Review) -> dict[str, Any]:
    """As JSON."""
    return {
        "classifier": review.classifier,
        "trace_id": review.trace_id,
        "span_id": review.span_id,
        "answer": review.answer,
        "label": review.label,
        "chosen": review.chosen,
        "reviewer": review.reviewer,
        "reviewed_at": review.reviewed_at.isoformat(),
    }
