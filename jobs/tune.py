"""Search settings of training, several trials at once on a cluster.

    spark-submit --master yarn jobs/tune.py --shards s3a://lake/shards --output /shared/tuned --trials 40 --parallel 8

Each trial is a Spark task; the package is installed on the executors, --output lies on a disk that they share. The
flags are those of `fer-spark tune`; --help lists them.
"""

from __future__ import annotations

import sys

from fer_spark.cli.commands.tune import main

if __name__ == "__main__":
    sys.exit(main())
