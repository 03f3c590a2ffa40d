"""The recording API does what Spark's client relies on, and the schema finds what is wrong."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.kubernetes.api import Api
from tests.cluster.kubernetes.changes import fits, merged, patched
from tests.cluster.kubernetes.node import inside
from tests.cluster.kubernetes.server import serving

LABELS = {"spark-role": "executor", "spark-app-selector": "s1"}


def pod(name: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "fer-spark:latest"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": LABELS},
        "spec": {"containers": [container]} | spec,
    }


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as running:
        yield running


def call(api: Api, method: str, place: str, thing: Any = None, kind: str = "application/json") -> Any:
    request = urllib.request.Request(f"{api.url}/api/v1/namespaces/default/{place}", method=method)
    request.add_header("Content-Type", kind)
    body = None if thing is None else json.dumps(thing).encode()
    with urllib.request.urlopen(request, body, timeout=10) as answer:
        return json.load(answer)


def test_pods_are_kept_found_by_labels_changed_and_deleted(api: Api) -> None:
    for name in ("a", "b"):
        assert call(api, "POST", "pods", pod(name))["status"] == {"phase": "Pending"}
    patch = [{"op": "add", "path": "/metadata/labels/spark-exec-inactive", "value": "true"}]
    call(api, "PATCH", "pods/a", patch, "application/json-patch+json")
    found = call(api, "GET", "pods?labelSelector=spark-role%3Dexecutor%2Cspark-exec-inactive%21%3Dtrue")["items"]
    assert [thing["metadata"]["name"] for thing in found] == ["b"]
    call(api, "DELETE", "pods?labelSelector=spark-exec-inactive%3Dtrue")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        call(api, "GET", "pods/a")
    assert [thing["metadata"]["name"] for thing in api.pods("executor")] == ["a", "b"]  # as they came
    assert api.pods("executor")[0] == pod("a")
    assert api.pods("driver") == []


def test_an_apply_creates_what_is_not_there(api: Api) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}
    call(api, "PATCH", "configmaps/c?fieldManager=f", config, "application/apply-patch+yaml")
    call(api, "PATCH", "configmaps/c?fieldManager=f", {"data": {"b": "2"}}, "application/apply-patch+yaml")
    assert call(api, "GET", "configmaps/c")["data"] == {"a": "1", "b": "2"}
    assert api.invalid == []


def test_who_watches_hears_of_everything_in_order(api: Api) -> None:
    api.create("pods", pod("a"))
    place = f"{api.url}/api/v1/namespaces/default/pods?watch=true&labelSelector=spark-app-selector%3Ds1"
    with urllib.request.urlopen(place, timeout=10) as stream:
        lines = (line for line in stream if line.strip())
        seen = [json.loads(next(lines))]
        threading.Timer(0.1, lambda: (api.create("pods", pod("b")), api.delete("pods", "a"))).start()
        api.change("pods", "a", {"status": {"phase": "Running"}})
        seen += [json.loads(next(lines)) for _ in range(3)]
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in seen] == [
        ("ADDED", "a"),
        ("MODIFIED", "a"),
        ("ADDED", "b"),
        ("DELETED", "a"),
    ]
    assert seen[1]["object"]["status"] == {"phase": "Running"}


@pytest.mark.parametrize(
    ("thing", "fault"),
    [
        (pod("a", restartPolice="Never"), "restartPolice"),
        (pod("a", containers=[{"image": "no-name"}]), "'name' is a required property"),
        (pod("a", containers=[{"name": "c", "env": [{"name": "A", "value": 1}]}]), "1 is not of type 'string'"),
    ],
)
def test_what_does_not_fit_the_schema_is_named(api: Api, thing: dict[str, Any], fault: str) -> None:
    api.create("pods", thing)
    (found,) = api.invalid
    assert fault in found


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("", True),
        ("a=1", True),
        ("a==1,b!=3", True),
        ("a=2", False),
        ("c!=1", True),
        ("a in (1, 2),b", True),
        ("a notin (1, 2)", False),
        ("!a", False),
        ("c", False),
    ],
)
def test_selectors_of_labels(selector: str, expected: bool) -> None:
    assert fits({"a": "1", "b": "2"}, selector) == expected


def test_merges_and_patches() -> None:
    thing = {"a": {"b": 1, "c": 2}, "list": [1, 2]}
    assert merged(thing, {"a": {"b": None, "d": {"e": 3}}, "list": [9]}) == {"a": {"c": 2, "d": {"e": 3}}, "list": [9]}
    steps: list[dict[str, Any]] = [
        {"op": "replace", "path": "/a/b", "value": 5},
        {"op": "add", "path": "/a/x~1y", "value": 6},
        {"op": "add", "path": "/list/-", "value": 3},
        {"op": "remove", "path": "/list/0"},
    ]
    assert patched(thing, steps) == {"a": {"b": 5, "c": 2, "x/y": 6}, "list": [2, 3]}
    assert thing == {"a": {"b": 1, "c": 2}, "list": [1, 2]}
    with pytest.raises(ValueError, match="not known here"):
        patched(thing, [{"op": "move", "path": "/a", "from": "/b"}])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/data", "/there"),
        ("local:///data/x,/data/in/y", "local:///there/x,/in/y"),
        ("/database /old/data", "/database /old/data"),
    ],
)
def test_places_in_the_container_become_places_of_this_machine(text: str, expected: str) -> None:
    assert inside(text, {"/data": "/there", "/data/in": "/in"}) == expected
