"""How well a bundle does on a split of shards; needs no cluster, and runs where it is submitted.

    spark-submit --py-files dist/fer_spark.zip jobs/evaluate.py \\
        --bundle model/ --shards s3a://lake/shards --split val --output evaluation/

The flags are those of `fer-spark evaluate`; --help lists them.
"""

from __future__ import annotations

import sys

from fer_spark.cli.commands.evaluate import main

if __name__ == "__main__":
    sys.exit(main())
