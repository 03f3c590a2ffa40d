"""Names of the JVM, looked up once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from py4j.java_gateway import GatewayClient, JavaPackage  # type: ignore[import-untyped]
from py4j.protocol import MEMORY_COMMAND_NAME, Py4JError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from fer_spark.spark.names import remember_names


@pytest.fixture
def requests(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent to the JVM, less the word that Python has dropped an object, which comes at any time."""
    sent: list[str] = []
    jvm: Any = spark.sparkContext._jvm
    client = type(jvm._gateway_client)
    assert issubclass(client, GatewayClient)
    send = client.send_command

    def send_command(self: Any, command: str, *words: Any, **named: Any) -> Any:
        if not command.startswith(MEMORY_COMMAND_NAME):
            sent.append(command)
        return send(self, command, *words, **named)

    monkeypatch.setattr(client, "send_command", send_command)
    return sent


@pytest.mark.parametrize(
    "look",
    [
        lambda jvm: jvm.PythonUtils.toSeq,
        lambda jvm: jvm.org.apache.hadoop.fs.Path,
        lambda jvm: getattr(jvm, "org.apache.spark.sql.functions").lit,
        lambda jvm: jvm.java.lang.Class.forName,
    ],
)
def test_a_name_is_asked_for_once(spark: SparkSession, requests: list[str], look: Callable[[Any], Any]) -> None:
    remember_names(spark)
    jvm: Any = spark.sparkContext._jvm
    first = look(jvm)
    requests.clear()
    assert look(jvm) is first
    assert requests == []


def test_columns_and_objects_are_made_as_before(spark: SparkSession) -> None:
    jvm: Any = spark.sparkContext._jvm
    assert jvm.org.apache.hadoop.fs.Path("/a", "b").toString() == "/a/b"
    assert jvm.java.lang.Integer.valueOf(7) == 7
    assert jvm.java.util.ArrayList().size() == 0
    assert spark.range(3).select(F.lit(1).alias("a"), (F.col("id") + 1).alias("b")).collect()[2] == (1, 3)


def test_what_does_not_exist_is_looked_for_again(spark: SparkSession, requests: list[str]) -> None:
    jvm: Any = spark.sparkContext._jvm
    assert isinstance(jvm.org.apache.NoSuchClass, JavaPackage)
    requests.clear()
    assert isinstance(jvm.org.apache.NoSuchClass, JavaPackage)
    assert len(requests) == 1
    with pytest.raises(Py4JError, match="does not exist"):
        _ = jvm.java.lang.Math.no_such_method
    with pytest.raises(AttributeError):
        _ = jvm.java.lang.Math.__wrapped__
