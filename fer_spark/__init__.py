"""fer_spark: facial expression recognition at lake scale, on Spark and PyTorch.

The jobs are functions here, loaded when they are first looked at: `build_shards`, `score`, `explain`, `explore`. See
fer_spark.api.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

__version__ = "0.1.0"
_JOBS = ("build_shards", "explain", "explore", "score")


def __getattr__(name: str) -> Callable[..., Any]:
    if name in _JOBS:
        job: Callable[..., Any] = getattr(importlib.import_module("fer_spark.api"), name)
        return job
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_JOBS])
