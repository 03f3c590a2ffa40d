"""Shards → shards with marked copies of the rarer classes in train, on a cluster.

    spark-submit --master yarn --py-files dist/fer_spark.zip jobs/augment_shards.py \\
        --shards s3a://lake/shards --output s3a://lake/balanced --to max

The flags are those of `fer-spark augment-shards`; --help lists them.
"""

from __future__ import annotations

import sys

from fer_spark.cli.commands.augment_shards import main

if __name__ == "__main__":
    sys.exit(main())
