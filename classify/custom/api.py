"""/v1/classifiers: what `everyspan classifier` calls. Documented at /openapi.json."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, HTTPException
from fastapi.responses import PlainTextResponse
from pydantic import Field, ValidationError

from classify.custom import file
from classify.custom.answers import Answer, Listed, listed
from classify.custom.catalog import Catalog
from classify.custom.classifier_definition import (
    Definition,
    DefinitionError,
    NameInUseError,
    Strict,
    UnknownClassifierError,
    said,
)
from classify.models.checksums import ModelError

_T = TypeVar("_T")
_Ids = Annotated[
    list[str],
    Field(
        max_length=2000,
        description="Span ids (16 hex digits), TRACE/SPAN, or a trace's 32 digits for its root.",
        examples=[["00f067aa0ba902b7", "4bf92f3577b34da6a3ce929d0e0e4736/53995c3f42cd8ad8"]],
    ),
]


class Adding(file.Written):
    """A definition, and rows to learn it from."""

    positive: _Ids = Field(default_factory=list)
    negative: _Ids = Field(default_factory=list)
    enable: Annotated[
        bool, Field(description="Let it judge even where there is too little evidence.")
    ] = False
    hold: Annotated[
        bool,
        Field(description="Keep it a draft until rows are marked, or it is enabled."),
    ] = False


class Marking(Strict):
    """Rows that the classifier should find, and rows that it should not."""

    positive: _Ids = Field(default_factory=list)
    negative: _Ids = Field(default_factory=list)
    author: Annotated[str, Field(max_length=100)] = ""


class Importing(Strict):
    """``toml``: a file as export writes it."""

    toml: Annotated[str, Field(max_length=8 << 20)]
    replace: Annotated[bool, Field(description="Take the place of one with that name.")] = False


class BackFilling(Strict):
    """Judged rows, and those that custom classifiers have yet to go over."""

    rows: int
    left: int


class Listing(Strict):
    """All custom classifiers, and how far they are with old rows."""

    classifiers: list[Listed]
    back_fill: BackFilling


class Detail(Listed):
    """One classifier with all that it is made of."""

    definition: Definition
    quality: dict[str, Any]
    threshold: float
    model: int
    head_bytes: int
    history: list[Listed]


def router(catalog: Catalog) -> APIRouter:
    """The routes. 404: no such classifier; 409: the name is in use; 422: wrong input; 503: the
    model can't be used."""
    api = APIRouter(tags=["custom classifiers"])

    @api.post("/v1/classifiers", status_code=HTTPStatus.CREATED)
    def add(adding: Adding) -> Answer:
        """Learn a classifier from examples, take rules, or both, and let it judge every row."""
        return _asked(
            lambda: catalog.add(
                adding.definition,
                adding.positive,
                adding.negative,
                author=adding.author,
                enable=adding.enable,
                hold=adding.hold,
            )
        )

    @api.get("/v1/classifiers")
    def everything(removed: bool = False) -> Listing:
        """All by name."""
        rows, left = catalog.back_fill()
        return Listing(
            classifiers=catalog.all(removed=removed), back_fill=BackFilling(rows=rows, left=left)
        )

    @api.get("/v1/classifiers/{name}")
    def show(name: str) -> Detail:
        """One with its examples, rules, quality and earlier versions."""

        def found() -> Detail:
            record = catalog.show(name)
            return Detail(
                **listed(record).model_dump(),
                definition=record.definition,
                quality=record.quality,
                threshold=record.member.threshold,
                model=record.model,
                head_bytes=len(record.head),
                history=[listed(each) for each in catalog.history(name)],
            )

        return _asked(found)

    @api.get("/v1/classifiers/{name}/review")
    def review(name: str) -> Answer:
        """The nearest and the most doubtful rows of real traffic that nobody has marked yet."""
        return _asked(lambda: catalog.review(name))

    @api.post("/v1/classifiers/{name}/examples")
    def mark(name: str, marking: Marking) -> Answer:
        """Confirm or reject rows: the classifier learns anew at once."""
        return _asked(
            lambda: catalog.mark(name, marking.positive, marking.negative, author=marking.author)
        )

    @api.post("/v1/classifiers/{name}/disable")
    def disable(name: str) -> Listed:
        """It judges no more; its verdicts stay."""
        return _asked(lambda: catalog.disable(name))

    @api.post("/v1/classifiers/{name}/enable")
    def enable(name: str) -> Listed:
        """It judges (again), a draft too, and goes over the rows that it has not seen."""
        return _asked(lambda: catalog.enable(name))

    @api.delete("/v1/classifiers/{name}")
    def remove(name: str) -> Listed:
        """It judges no more, and its verdicts go."""
        return _asked(lambda: catalog.remove(name))

    @api.get("/v1/classifiers/{name}/export", response_class=PlainTextResponse)
    def export(name: str) -> str:
        """As a TOML file, with what it has learned."""
        return _asked(lambda: file.write(catalog.show(name)))

    @api.post("/v1/import", status_code=HTTPStatus.CREATED)
    def take(importing: Importing) -> Answer:
        """From a TOML file."""
        return _asked(lambda: catalog.take(file.read(importing.toml), replacing=importing.replace))

    return api


def _asked(call: Callable[[], _T]) -> _T:
    try:
        return call()
    except DefinitionError as error:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        if isinstance(error, UnknownClassifierError):
            status = HTTPStatus.NOT_FOUND
        elif isinstance(error, NameInUseError):
            status = HTTPStatus.CONFLICT
        raise HTTPException(status, str(error)) from error
    except ValidationError as error:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, said(error)) from error
    except ModelError as error:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error
