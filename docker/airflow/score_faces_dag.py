"""Airflow: every night, score what is new in the lake, then write the page of it.

Copy this file into Airflow's dags folder. It needs apache-airflow-providers-apache-spark, a connection `spark_default`
to the cluster, and below /opt/fer_spark on the machine that submits what `make zip` and this repository hold:
jobs/ and dist/fer_spark.zip. The executors need an environment with the package's dependencies.

Two runs never overlap: Airflow starts one at a time, and the lease below the checkpoint sends a second one home, exit
code 0, wherever it was started. A run that fails is tried again and goes on after the last commit; exit codes 2 (wrong
usage) and 3 (too many bad pictures) would end the same again and are not.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from airflow.exceptions import AirflowException
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator

try:
    from airflow.sdk import DAG, Param
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.models.param import Param
try:
    from airflow.sdk.exceptions import AirflowFailException
except ImportError:  # Airflow 2, and the first of 3
    from airflow.exceptions import AirflowFailException

HOME = "/opt/fer_spark"
_FINAL = re.compile(r"Error code is: [23]\.")


class FerSparkOperator(SparkSubmitOperator):
    """Submits one of fer_spark's jobs; tries again only what another try could mend."""

    def execute(self, context: Any) -> None:
        try:
            super().execute(context)
        except AirflowException as error:
            if _FINAL.search(str(error)):
                raise AirflowFailException(str(error)) from error
            raise


with DAG(
    dag_id="score_faces",
    description="Perceived expressions of new pictures, and a page about them",
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "fer_spark", "retries": 2, "retry_delay": timedelta(minutes=10)},
    params={
        "bundle": Param("fer2013", type="string", description="a shipped bundle's name, or a directory"),
        "input": Param("s3a://lake/pictures", type="string", description="where the pictures are"),
        "output": Param("s3a://lake/scores", type="string", description="where the scores go"),
        "checkpoint": Param("s3a://lake/ledger", type="string", description="where the ledger is kept"),
        "report": Param("s3a://lake/reports/latest.html", type="string", description="the page"),
        "max_bad_fraction": Param(0.5, type="number", minimum=0, maximum=1, description="more bad pictures fail"),
    },
    tags=["fer_spark"],
) as dag:
    score = FerSparkOperator(
        task_id="score",
        conn_id="spark_default",
        application=f"{HOME}/jobs/score.py",
        py_files=f"{HOME}/dist/fer_spark.zip",
        name="fer-spark score",
        conf={"spark.executor.memory": "4g", "spark.task.cpus": "1"},
        application_args=[
            "--bundle={{ params.bundle }}",
            "--source=images",
            "--input={{ params.input }}",
            "--output={{ params.output }}",
            "--incremental",
            "--checkpoint={{ params.checkpoint }}",
            "--max-bad-fraction={{ params.max_bad_fraction }}",
        ],
        execution_timeout=timedelta(hours=8),
    )
    report = FerSparkOperator(
        task_id="report",
        conn_id="spark_default",
        application=f"{HOME}/jobs/report.py",
        py_files=f"{HOME}/dist/fer_spark.zip",
        name="fer-spark report",
        application_args=[
            "--scores={{ params.output }}",
            "--output={{ params.report }}",
            "--overwrite",
        ],
        execution_timeout=timedelta(hours=1),
    )
    score >> report
