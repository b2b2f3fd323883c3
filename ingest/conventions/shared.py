"""Attributes that any span or resource may carry: where the code is, who asked, which release.

Source: open-telemetry/semantic-conventions (code, vcs, service, deployment, session, user), current
and older names; ``everyspan.*`` are set by this project's sdk.
"""

from __future__ import annotations

from ingest.conventions.convention import Attributes, Convention, Draft


def content(attributes: Attributes, draft: Draft) -> None:
    """``code.namespace`` before v1.30 is the part of the function's name before the last dot."""
    namespace = attributes.get("code.namespace")
    function = attributes.get("code.function")
    if namespace and function and draft.values.get("code_function") == function:
        draft.values["code_function"] = f"{namespace}.{function}"


#: What a resource alone says.
RESOURCE_COLUMNS = (
    ("service.name", "service_name"),
    ("service.version", "service_version"),
)

CONVENTION = Convention(
    name="",
    evidence=("code.namespace",),
    columns=(
        ("session.id", "session_id"),
        ("user.id", "user_id"),
        ("enduser.id", "user_id"),
        ("enduser.pseudo.id", "user_id"),
        ("error.type", "error_type"),
        ("deployment.environment.name", "environment"),
        ("deployment.environment", "environment"),
        ("everyspan.experiment", "experiment"),
        ("everyspan.variant", "variant"),
        # Set by the SDK's replay on each span of the run.
        ("replay.of", "replay_of"),
        ("code.file.path", "code_file"),
        ("code.filepath", "code_file"),
        ("code.line.number", "code_line"),
        ("code.lineno", "code_line"),
        ("code.function.name", "code_function"),
        ("code.function", "code_function"),
        ("vcs.ref.head.revision", "code_revision"),
        ("vcs.repository.ref.revision", "code_revision"),
        ("vcs.repository.url.full", "code_repository"),
    ),
    content=content,
    understood=("everyspan.*",),
)
