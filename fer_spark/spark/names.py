"""Names of the JVM that a driver looks up once and not at every use.

For `jvm.PythonUtils`, which each `select` asks for, the JVM searches every jar for a class of that name in each package
that Spark imports, and py4j forgets the answer: a tenth of a small job's time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from py4j.java_gateway import JavaClass, JavaMember, JavaPackage, JVMView  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def remember_names(spark: SparkSession) -> None:
    """Let the JVM's view of this session's process keep the packages, classes and static methods that it has found."""
    view = cast(Any, spark.sparkContext)._jvm
    if type(view) is JVMView:
        view.__class__ = _View


def _keep(holder: Any, name: str, found: Any) -> Any:
    """What is found nowhere is a package to py4j: a name in capitals may become a class when a jar is added."""
    kind = type(found)
    if kind in _KEEPING and not (kind is JavaPackage and not name.islower()):
        found.__class__ = _KEEPING[kind]
        holder.__dict__[name] = found
    return found


class _View(JVMView):  # type: ignore[misc]
    def __getattr__(self, name: str) -> Any:
        return _keep(self, name, super().__getattr__(name))


class _Package(JavaPackage):  # type: ignore[misc]
    def __getattr__(self, name: str) -> Any:
        return _keep(self, name, super().__getattr__(name))


class _Class(JavaClass):  # type: ignore[misc]
    def __getattr__(self, name: str) -> Any:
        return _keep(self, name, super().__getattr__(name))


_KEEPING: dict[type, type] = {JavaPackage: _Package, JavaClass: _Class, JavaMember: JavaMember}
