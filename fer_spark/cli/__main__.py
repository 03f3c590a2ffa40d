"""`python -m fer_spark.cli` is `fer-spark` too."""

from __future__ import annotations

import sys

from fer_spark.cli import main

if __name__ == "__main__":
    sys.exit(main())
