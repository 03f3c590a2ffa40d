"""One of the processes that `fer-spark train --processes N` starts."""

from __future__ import annotations

import sys

from fer_spark.cli.commands.train import OK, STOPPED, main


def run_rank(arguments: list[str]) -> int:
    """The exit code of `fer-spark train` in this process. It ends here unless the code is OK or STOPPED, so that torch
    ends the others."""
    code = main(arguments)
    if code not in (OK, STOPPED):
        sys.exit(code)
    return code
