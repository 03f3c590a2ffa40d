"""Shards → a model, on a cluster.

    spark-submit --master yarn --py-files dist/fer_spark.zip jobs/train.py \\
        --shards s3a://lake/shards --output /shared/model --processes 4

Each process is a Spark task; its packages are installed on the executors, --output lies on a disk that they share. The
flags are those of `fer-spark train`; --help lists them.
"""

from __future__ import annotations

import sys

from fer_spark.cli.commands.train import main

if __name__ == "__main__":
    sys.exit(main())
