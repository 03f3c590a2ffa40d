"""What all tests share: one local Spark session, and the real pictures where $FER_SPARK_DATA says they are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.groups import long_group
from tests.jvm import quick_jvm
from tests.servers import gcs_jars, jars

pytest_plugins = ["tests.groups", "pytester"]
os.environ["LC_ALL"] = "C.UTF-8"  # before a JVM starts: it decodes file names by its locale
# before torch is loaded, for processes that tests start too: two workers with two threads each are twice what there are
# cores, and threads that spin while they wait leave the others a tenth of their speed
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

BRIEF = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
}
"""For tests of few rows: expressions interpreted, plans made once, which takes less time. Spark's own tests hold
that the rows are those of compiled expressions and of plans that adapt. Long tests of many rows, clusters, kills,
stores and notebooks, and all commands that run in processes of their own but for some on YARN, compile and adapt as
users' jobs do."""


class Planning:
    """How the session of this process plans: as the test that runs, or runs next, needs it."""

    session: SparkSession | None = None
    brief = False
    """As the test needs it."""
    _is_brief = False
    """As the session is."""

    def apply(self) -> None:
        if self.session is None or self.brief == self._is_brief:
            return
        for key, value in BRIEF.items():
            if self.brief:
                self.session.conf.set(key, value)
            else:
                self.session.conf.unset(key)
        self._is_brief = self.brief


planning = Planning()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    group = long_group(item)
    planning.brief = group is None or (group == "job" and not item.get_closest_marker("data"))
    planning.apply()


@pytest.fixture(scope="session")
def spark(request: pytest.FixtureRequest) -> Iterator[SparkSession]:
    """local[2,4]: two cores, and a task that fails is tried four times, as on a cluster."""
    from fer_spark.spark.session import get_session

    session = get_session(
        "fer_spark tests",
        master="local[2,4]",
        conf=[
            "spark.driver.memory=2g",
            f"spark.driver.extraJavaOptions={quick_jvm()}",
            "spark.sql.ui.retainedExecutions=5",  # thousands of jobs in one session: forget those that are done
            "spark.ui.retainedJobs=20",
            "spark.ui.retainedStages=20",
            "spark.ui.retainedTasks=200",
            "spark.ui.enabled=false",
            "spark.sql.shuffle.partitions=4",
            *_stores(request.session.items),
        ],
    )
    planning.session = session
    planning.apply()
    yield session
    planning.session = None
    session.stop()


def _stores(items: list[pytest.Item]) -> list[str]:
    """S3A and the connector to Google's store in the session's class path where a test needs them."""
    needed = [*jars(), *gcs_jars()] if any(long_group(item) == "store" for item in items) else []
    return ["spark.driver.extraClassPath=" + ":".join(map(str, needed))] if needed else []


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Where fer2013.csv.zst, fer2013new.csv and facial_expressions.tar are; tests that need them skip without."""
    if not os.environ.get("FER_SPARK_DATA"):
        pytest.skip("FER_SPARK_DATA is not set: the real pictures are not here")
    return Path(os.environ["FER_SPARK_DATA"])


@pytest.fixture(scope="session")
def yunet_model(data_dir: Path) -> Path:
    """YuNet's model file, in `models/` beside the data."""
    path = data_dir.parent / "models" / "face_detection_yunet.onnx"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return path
