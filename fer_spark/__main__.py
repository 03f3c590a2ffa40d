"""`python -m fer_spark` is `fer-spark`; torchrun -m fer_spark starts it in several processes."""

from __future__ import annotations

import sys

from fer_spark.cli import main

if __name__ == "__main__":
    sys.exit(main())
