"""What fer_spark needs, a line each, and what extras of it need: python docker/needs.py [EXTRA…]."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

if __name__ == "__main__":
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = (need for extra in sys.argv[1:] for need in project["optional-dependencies"][extra])
    print(*project["dependencies"], *extras, sep="\n")
