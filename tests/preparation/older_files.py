"""Files of a release before Preparation (tests/fixtures/older), laid out where a test can work on them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

OLDER = Path(__file__).parents[1] / "fixtures" / "older"
LONG_AGO = 1_500_000_000
FLAGS: dict[str, Any] = {
    "source": "folder",
    "detector": "none",
    "size": ["12:gray", "16:rgb"],
    "ratios": "0.7,0.3,0",
}
"""Of the jobs that wrote them."""


def older_json(name: str) -> Any:
    return json.loads((OLDER / name).read_text(encoding="utf-8"))


def lay_out(target: Path) -> Path:
    """A copy in which `@HERE@` is the copy's own folder, and pictures are as old as they were."""
    shutil.copytree(OLDER, target)
    for path in target.rglob("*.json"):
        path.write_text(path.read_text(encoding="utf-8").replace("@HERE@", str(target)), encoding="utf-8")
    for path in target.rglob("*.png"):
        os.utime(path, (LONG_AGO, LONG_AGO))
    return target
