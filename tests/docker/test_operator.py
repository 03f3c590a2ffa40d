"""The ScheduledSparkApplication: fields that Spark's operator has, pods that Kubernetes takes, arguments that parse."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.docker.commands import DOCKER, ROOT, parsed

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
FILE = DOCKER / "kubernetes" / "score-sparkapplication.yaml"

_POD = """affinity annotations configMaps coreLimit coreRequest cores dnsConfig env envFrom gpu hostAliases hostNetwork
image initContainers javaOptions labels lifecycle memory memoryOverhead nodeSelector podSecurityContext ports
priorityClassName schedulerName secrets securityContext serviceAccount shareProcessNamespace sidecars template
terminationGracePeriodSeconds tolerations volumeMounts"""
FIELDS = {
    "": "apiVersion kind metadata spec",
    "spec": "concurrencyPolicy failedRunHistoryLimit schedule successfulRunHistoryLimit suspend template",
    "spec.template": """arguments batchScheduler batchSchedulerOptions deps driver driverIngressOptions
        dynamicAllocation executor failureRetries hadoopConf hadoopConfigMap image imagePullPolicy imagePullSecrets
        mainApplicationFile mainClass memoryOverheadFactor mode monitoring nodeSelector proxyUser pythonVersion
        restartPolicy retryInterval sparkConf sparkConfigMap sparkUIOptions sparkVersion timeToLiveSeconds type
        volumes""",
    "spec.template.deps": "archives excludePackages files jars packages pyFiles repositories",
    "spec.template.restartPolicy": """onFailureRetries onFailureRetryInterval onSubmissionFailureRetries
        onSubmissionFailureRetryInterval type""",
    "spec.template.driver": f"{_POD} kubernetesMaster podName serviceAnnotations serviceLabels",
    "spec.template.executor": f"{_POD} deleteOnTermination instances",
}
"""Names that sparkoperator.k8s.io/v1beta2 has in each of its own objects; what lies in others is Kubernetes' own."""
VALUES = {
    "apiVersion": ["sparkoperator.k8s.io/v1beta2"],
    "kind": ["ScheduledSparkApplication"],
    "spec.concurrencyPolicy": ["Allow", "Forbid", "Replace"],
    "spec.template.type": ["Java", "Python", "R", "Scala"],
    "spec.template.mode": ["cluster"],
    "spec.template.restartPolicy.type": ["Never", "Always", "OnFailure"],
}


def application() -> dict[str, Any]:
    return dict(yaml.safe_load(FILE.read_text(encoding="utf-8")))


def at(thing: Any, place: str) -> Any:
    for name in filter(None, place.split(".")):
        thing = thing[name]
    return thing


def faults(thing: dict[str, Any]) -> list[str]:
    """Fields that the operator does not have, and values that it does not take."""
    found = []
    for place, names in FIELDS.items():
        found += [f"{place}.{name}".lstrip(".") for name in sorted(set(at(thing, place)) - set(names.split()))]
    return found + [place for place, values in VALUES.items() if at(thing, place) not in values]


def test_the_operator_has_every_field() -> None:
    assert faults(application()) == []


@pytest.mark.parametrize(
    ("place", "name", "value", "found"),
    [
        ("spec", "concurrencyPolice", "Forbid", "spec.concurrencyPolice"),
        ("spec", "concurrencyPolicy", "forbid", "spec.concurrencyPolicy"),
        ("spec.template.executor", "replicas", 4, "spec.template.executor.replicas"),
        ("spec.template.restartPolicy", "type", "never", "spec.template.restartPolicy.type"),
    ],
)
def test_a_planted_wrong_field_is_found(place: str, name: str, value: Any, found: str) -> None:
    thing = deepcopy(application())
    at(thing, place)[name] = value
    assert faults(thing) == [found]


@pytest.mark.parametrize("role", ["driver", "executor"])
def test_its_pods_are_what_kubernetes_expects(role: str) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    template = application()["spec"]["template"]
    given = template[role]
    container = {"name": role, "image": template["image"], "imagePullPolicy": template["imagePullPolicy"]}
    container |= {name: given[name] for name in ("env", "volumeMounts", "securityContext") if name in given}
    spec = {"containers": [container], "volumes": template["volumes"], "securityContext": given["podSecurityContext"]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": role}, "spec": spec}
    validate.validate(pod, "1.31", strict=True)
    volumes = {volume["name"] for volume in template["volumes"]}
    assert {mount["name"] for mount in given.get("volumeMounts", [])} <= volumes
    for variable in given["env"]:
        assert variable["valueFrom"]["secretKeyRef"] == {"name": "lake", "key": variable["name"]}


def test_it_runs_a_job_of_the_image_as_the_cronjob_does() -> None:
    template = application()["spec"]["template"]
    job = template["mainApplicationFile"].removeprefix("local:///opt/fer_spark/")
    assert (ROOT / job).is_file()
    found = parsed([Path(job).stem, *template["arguments"]])
    assert found.incremental
    assert found.salt == f"@{template['driver']['volumeMounts'][0]['mountPath']}/salt"
    cronjob = yaml.safe_load((DOCKER / "kubernetes" / "score-cronjob.yaml").read_text(encoding="utf-8"))
    (container,) = cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    nightly = parsed(container["args"])
    for flag in ("bundle", "input", "output", "checkpoint", "salt", "max_bad_fraction", "abstain_below"):
        assert getattr(found, flag) == getattr(nightly, flag), flag
    assert application()["spec"]["schedule"] == cronjob["spec"]["schedule"]


def test_versions_are_those_of_the_lock() -> None:
    import pyspark

    template = application()["spec"]["template"]
    lock = (DOCKER / "requirements.lock").read_text(encoding="utf-8")
    assert re.findall(r"^pyspark==(\S+)", lock, re.MULTILINE) == [template["sparkVersion"]]
    (jar,) = (Path(pyspark.__file__).parent / "jars").glob("hadoop-client-api-*.jar")
    hadoop = jar.stem.removeprefix("hadoop-client-api-")
    assert template["deps"]["packages"] == [f"org.apache.hadoop:hadoop-aws:{hadoop}"]
