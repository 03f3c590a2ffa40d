"""A run of scores, of explanations, or of both, as one page: counts, drift, calibration, a gallery with heat maps.

    spark-submit --py-files dist/fer_spark.zip jobs/report.py \\
        --scores s3a://lake/scores --output s3a://lake/reports/latest.html --overwrite

The flags are those of `fer-spark report`; --help lists them.
"""

from __future__ import annotations

import sys

from fer_spark.cli.commands.report import main

if __name__ == "__main__":
    sys.exit(main())
