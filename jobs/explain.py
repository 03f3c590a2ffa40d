"""Why a bundle answers as it does on faces of shards (LIME), on a cluster.

    spark-submit --master yarn --py-files dist/fer_spark.zip jobs/explain.py \\
        --bundle model/ --shards s3a://lake/shards --split val --output s3a://lake/why --per-class 100

The flags are those of `fer-spark explain`; --help lists them.
"""

from __future__ import annotations

import sys

from fer_spark.cli.commands.explain import main

if __name__ == "__main__":
    sys.exit(main())
