"""Errors whose text is for the user."""

from __future__ import annotations


class UserError(Exception):
    """The text says what is wrong and what to do: commands end with it, without a stack trace."""
