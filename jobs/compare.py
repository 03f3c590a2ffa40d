"""Remedies for imbalance compared: the same as `fer-spark compare`, whose --help lists the flags."""

from __future__ import annotations

import sys

from fer_spark.cli.commands.compare import main

if __name__ == "__main__":
    sys.exit(main())
