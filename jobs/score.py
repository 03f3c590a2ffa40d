"""Score a lake of pictures: one row per face with its perceived expression; nightly runs score only what is new.

    spark-submit --py-files dist/fer_spark.zip jobs/score.py \\
        --bundle fer2013 --source images --input s3a://lake/in/ --output s3a://lake/scores \\
        --incremental --checkpoint s3a://lake/ledger

The flags are those of `fer-spark score`; --help lists them.
"""

from __future__ import annotations

import sys

from fer_spark.cli.commands.score import main

if __name__ == "__main__":
    sys.exit(main())
