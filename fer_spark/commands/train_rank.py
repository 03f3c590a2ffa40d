"""One of the processes that `fer-spark train --processes N` starts. A stop with a checkpoint is no failure."""

from __future__ import annotations

import sys

from fer_spark.commands.train import OK, STOPPED, main

if __name__ == "__main__":
    code = main()
    sys.exit(OK if code == STOPPED else code)
