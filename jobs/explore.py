"""What a data set holds, before anything is trained on it, on a cluster.

    spark-submit --master yarn --py-files dist/fer_spark.zip jobs/explore.py \\
        --source affectnet --input s3a://lake/interim --pictures none --output s3a://lake/look

The flags are those of `fer-spark explore`; --help lists them.
"""

from __future__ import annotations

import sys

from fer_spark.cli.commands.explore import main

if __name__ == "__main__":
    sys.exit(main())
