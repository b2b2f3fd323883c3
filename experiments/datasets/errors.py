"""What goes wrong by the user's own doing. Each text names the option or thing, and the remedy."""

from __future__ import annotations

from service.errors import UserError


class DatasetError(UserError):
    """Any of these."""


class DefinitionError(DatasetError):
    """An option is wrong."""


class ConditionError(DatasetError):
    """A condition can't be used."""


class NothingFoundError(DatasetError):
    """No row meets the condition."""


class UnknownDatasetError(DatasetError):
    """There is no such data set or version, or the schema lacks the tables."""


class ExportError(DatasetError):
    """A format is unknown or a directory can't be written."""
