"""A job's result for Python callers: the summary, shown as the command shows it, and the rows."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_WIDTH = 110
_HTML = '<pre style="white-space: pre-wrap; line-height: normal">{code}</pre>'


@dataclass(frozen=True, repr=False)
class Result:
    """A finished job.

    output     where it wrote
    summary    what its summary file says: counts, labels, settings
    published  False where nothing was: too many pictures are bad, or another run holds the lease
    show       prints what the command prints at its end
    read       the rows that it wrote, as a DataFrame
    page       its report, where it wrote one
    """

    output: str
    summary: dict[str, Any]
    published: bool
    show: Callable[[Console], None] = field(compare=False)
    read: Callable[[], DataFrame] = field(compare=False)
    page: str = ""

    @property
    def rows(self) -> DataFrame:
        """The rows that the job wrote. Raises what reading raises where nothing was published."""
        return self.read()

    def __repr__(self) -> str:
        return self._recorded().export_text().rstrip()

    def _repr_html_(self) -> str:
        """For notebooks: the text of `repr`, with its colours."""
        return self._recorded().export_html(inline_styles=True, code_format=_HTML)

    def _recorded(self) -> Console:
        console = Console(file=io.StringIO(), record=True, width=_WIDTH, force_jupyter=False)
        self.show(console)
        return console
