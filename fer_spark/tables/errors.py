"""Why a table, or another output, takes no rows."""

from __future__ import annotations


class OutputError(ValueError):
    """The output cannot be written to as the settings say; the message says what would work."""


class CommitError(RuntimeError):
    """The table has not taken a commit, as another has been there first. Its files stay unseen."""
