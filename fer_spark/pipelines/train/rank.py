"""One of the processes that `fer-spark train --processes N` starts."""

from __future__ import annotations

import sys
from collections.abc import Callable


def run_rank(entry: Callable[[list[str]], int], regular: tuple[int, ...], arguments: list[str]) -> int:
    """The exit code of `entry(arguments)`, the command itself, in this process. It ends here unless the code is one of
    `regular`, so that torch ends the others."""
    code = entry(arguments)
    if code not in regular:
        sys.exit(code)
    return code
