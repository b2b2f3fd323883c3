"""/v1/classifiers: what `everyspan classifier` calls. Documented at /openapi.json."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Query
from fastapi.responses import PlainTextResponse
from pydantic import Field, ValidationError

from classify.custom import file
from classify.custom.answers import Answer, Listed, listed
from classify.custom.catalog import Catalog
from classify.custom.classifier_definition import (
    ALL,
    Definition,
    DefinitionError,
    NameInUseError,
    Strict,
    UnknownClassifierError,
    full_name,
    said,
)
from classify.models.checksums import ModelError
from service.keys import ASKING, DEFAULT, PROJECT, told

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


Project = Annotated[
    str,
    Query(
        pattern=rf"^({PROJECT.pattern})?$",
        description="Whose it is, `default` for the project without a key; '' for those that judge"
        " the rows of all. A key's own project, whatever is said.",
    ),
]


def _whose(asked: str) -> str:
    """ALL, or the project; a key knows of its own alone."""
    own = ASKING.get().project
    if own is None:
        return ALL if not asked else "" if asked == DEFAULT else asked
    if asked and asked != told(own):
        raise HTTPException(
            HTTPStatus.NOT_FOUND, f"this key opens custom classifiers of the project {told(own)}"
        )
    return own


def _sees_texts() -> None:
    if not ASKING.get().may("read"):
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            "the answer shows texts of spans: that takes a key with `read` besides `review`",
        )


#: Of routes whose answer has examples, or rows of real traffic.
_TEXTS = [Depends(_sees_texts)]


def router(catalog: Catalog) -> APIRouter:
    """The routes. 404: no such classifier; 409: the name is in use; 422: wrong input; 503: the
    model can't be used."""
    api = APIRouter(tags=["custom classifiers"])

    def full(name: str, project: str) -> str:
        return full_name(name, _whose(project))

    @api.post("/v1/classifiers", status_code=HTTPStatus.CREATED, dependencies=_TEXTS)
    def add(adding: Adding, project: Project = "") -> Answer:
        """Learn a classifier from examples, take rules, or both, and let it judge every row."""
        return _asked(
            lambda: catalog.add(
                adding.definition,
                adding.positive,
                adding.negative,
                author=adding.author,
                enable=adding.enable,
                hold=adding.hold,
                project=_whose(project),
            )
        )

    @api.get("/v1/classifiers")
    def everything(removed: bool = False, project: Project = "") -> Listing:
        """All by name; with a key, or where a project is said, those of one."""
        whose = _whose(project)
        rows, left = catalog.back_fill(whose)
        return Listing(
            classifiers=catalog.all(removed=removed, project=whose),
            back_fill=BackFilling(rows=rows, left=left),
        )

    @api.get("/v1/classifiers/{name}", dependencies=_TEXTS)
    def show(name: str, project: Project = "") -> Detail:
        """One with its examples, rules, quality and earlier versions."""

        def found() -> Detail:
            record = catalog.show(full(name, project))
            return Detail(
                **listed(record).model_dump(),
                definition=record.definition,
                quality=record.quality,
                threshold=record.member.threshold,
                model=record.model,
                head_bytes=len(record.head),
                history=[listed(each) for each in catalog.history(record.name)],
            )

        return _asked(found)

    @api.get("/v1/classifiers/{name}/review", dependencies=_TEXTS)
    def review(name: str, project: Project = "") -> Answer:
        """The nearest and the most doubtful rows of real traffic that nobody has marked yet."""
        return _asked(lambda: catalog.review(full(name, project)))

    @api.post("/v1/classifiers/{name}/examples", dependencies=_TEXTS)
    def mark(name: str, marking: Marking, project: Project = "") -> Answer:
        """Confirm or reject rows: the classifier learns anew at once."""
        return _asked(
            lambda: catalog.mark(
                full(name, project), marking.positive, marking.negative, author=marking.author
            )
        )

    @api.post("/v1/classifiers/{name}/disable")
    def disable(name: str, project: Project = "") -> Listed:
        """It judges no more; its verdicts stay."""
        return _asked(lambda: catalog.disable(full(name, project)))

    @api.post("/v1/classifiers/{name}/enable")
    def enable(name: str, project: Project = "") -> Listed:
        """It judges (again), a draft too, and goes over the rows that it has not seen."""
        return _asked(lambda: catalog.enable(full(name, project)))

    @api.delete("/v1/classifiers/{name}")
    def remove(name: str, project: Project = "") -> Listed:
        """It judges no more, and its verdicts go."""
        return _asked(lambda: catalog.remove(full(name, project)))

    @api.get("/v1/classifiers/{name}/export", response_class=PlainTextResponse, dependencies=_TEXTS)
    def export(name: str, project: Project = "") -> str:
        """As a TOML file, with what it has learned."""
        return _asked(lambda: file.write(catalog.show(full(name, project))))

    @api.post("/v1/import", status_code=HTTPStatus.CREATED, dependencies=_TEXTS)
    def take(importing: Importing, project: Project = "") -> Answer:
        """From a TOML file. With a key it is learned anew from its examples: what a file says was
        learned is the operator's to trust."""
        whose = _whose(project)

        def taken() -> Answer:
            record = replace(file.read(importing.toml), project=whose)
            if ASKING.get().project is not None:
                record = replace(record, head=b"", model=0, quality={})
            return catalog.take(record, replacing=importing.replace)

        return _asked(taken)

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
