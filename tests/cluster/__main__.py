from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.cluster.demo import JobError, run, started
from tests.cluster.summary import summary
from tests.servers import MISSING, has_object_store

_DESCRIPTION = """A Spark cluster of this machine (a master, two workers with addresses of their own) and an S3 store
run all jobs from S3 to S3: build-shards, train, score, explain, explore, report. The same jobs then run in local mode
on the same pictures on disk, and the rows of both are compared."""


def main() -> int:
    """0 where all jobs ran and all rows are equal; 1 where not; 2 where the store or the package is missing."""
    line = argparse.ArgumentParser(prog="python -m tests.cluster", description=_DESCRIPTION)
    add = line.add_argument
    add("--count", type=int, default=300, help="pictures to draw (default: %(default)s)")
    add("--output", type=Path, default=Path("cluster-demo-output"), help="for pages, model and logs")
    add("--package", type=Path, default=Path("dist/fer_spark.zip"), help="fer_spark, as `make zip` makes it")
    flags = line.parse_args()
    if not has_object_store():
        print(f"cluster-demo: {MISSING}", file=sys.stderr)
        return 2
    if not flags.package.is_file():
        print(f"cluster-demo: there is no {flags.package}; `make zip` makes it", file=sys.stderr)
        return 2
    shutil.rmtree(flags.output, ignore_errors=True)
    began = time.perf_counter()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="cluster-demo-") as work,
            started(Path(work), flags.output.resolve(), flags.package.resolve()) as demo,
        ):
            steps = run(demo, flags.count)
    except (JobError, AssertionError) as error:  # servers that do not start are the latter
        print(f"cluster-demo: {error}", file=sys.stderr)
        return 1
    print(summary(steps, time.perf_counter() - began))
    print(
        f"Open {flags.output}/report.html and {flags.output}/exploration.html; the cluster's settings are "
        f"{flags.output}/cluster.conf, logs in {flags.output}/logs/."
    )
    return 0 if all(step.likeness is None or step.likeness.equal for step in steps) else 1


if __name__ == "__main__":
    sys.exit(main())
