"""What goes wrong by the user's own doing. Each text names the option or the thing, and the remedy.

Imports nothing, so that the command line can name these without loading what raises them.
"""

from __future__ import annotations


class DatasetError(Exception):
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
