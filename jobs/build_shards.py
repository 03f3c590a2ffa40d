"""Pictures → shards on a cluster.

    spark-submit --master yarn --py-files dist/fer_spark.zip jobs/build_shards.py \\
        --source images --input s3a://lake/pictures --output s3a://lake/shards --size 48:gray

The flags are those of `fer-spark build-shards`; --help lists them.
"""

from __future__ import annotations

import sys

from fer_spark.cli.commands.build_shards import main

if __name__ == "__main__":
    sys.exit(main())
