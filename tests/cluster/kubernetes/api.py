"""The objects of a Kubernetes API: kept, checked against the schema, and every change reported to those who watch."""

from __future__ import annotations

import queue
import threading
import uuid
from collections.abc import Callable, Generator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.cluster.kubernetes.changes import Object, fits, labels, merged, patched

VERSION = "1.37"
"""Of Kubernetes, whose schema the objects must fit."""


class MissingError(Exception):
    """There is no such object."""


@dataclass
class Api:
    """Objects by (kind as in a path, name), as they are now.

    given    every object that was created, as it came, in order
    invalid  what the schema says against them, a line each
    on_create, on_delete  called with the kind and the object that was created or deleted
    """

    port: int = 0
    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    given: list[Object] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    on_create: Callable[[str, Object], None] = lambda kind, thing: None
    on_delete: Callable[[str, Object], None] = lambda kind, thing: None
    _watchers: list[queue.Queue[Object | None]] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _version: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def pods(self, role: str) -> list[Object]:
        """Those that were created with this `spark-role`, as they came."""
        return [thing for thing in self.given if thing["kind"] == "Pod" and labels(thing).get("spark-role") == role]

    def create(self, kind: str, thing: Object) -> Object:
        with self._lock:
            self.given.append(deepcopy(thing))
            self.invalid += _faults(thing)
            metadata = thing["metadata"]
            if "generateName" in metadata and "name" not in metadata:
                metadata["name"] = f"{metadata['generateName']}{uuid.uuid4().hex[:6]}"
            metadata |= {"uid": str(uuid.uuid4()), "namespace": "default", "creationTimestamp": now()}
            if kind == "pods":
                thing["status"] = {"phase": "Pending"}
            self._keep("ADDED", kind, thing)
        self.on_create(kind, deepcopy(thing))
        return thing

    def get(self, kind: str, name: str) -> Object:
        with self._lock:
            if (kind, name) not in self.objects:
                raise MissingError(f"{kind}/{name}")
            return deepcopy(self.objects[kind, name])

    def find(self, kind: str, selector: str = "") -> list[Object]:
        """Those whose labels fit a selector such as `a=b,c!=d,e in (f, g)`."""
        with self._lock:
            found = [thing for (its_kind, _), thing in self.objects.items() if its_kind == kind]
            return [deepcopy(thing) for thing in found if fits(labels(thing), selector)]

    def change(self, kind: str, name: str, changes: Object | list[Object]) -> Object:
        """By a merge, or by the list of a JSON patch."""
        with self._lock:
            thing = self.get(kind, name)
            thing = patched(thing, changes) if isinstance(changes, list) else merged(thing, changes)
            self._keep("MODIFIED", kind, thing)
            return thing

    def delete(self, kind: str, name: str) -> Object:
        with self._lock:
            thing = self.get(kind, name)
            del self.objects[kind, name]
            self._tell("DELETED", kind, thing)
        self.on_delete(kind, thing)
        return thing

    def watch(self, kind: str, selector: str, name: str = "") -> Generator[Object]:
        """What is there, then every change, until `close`."""
        waiting: queue.Queue[Object | None] = queue.Queue()
        with self._lock:
            self._watchers.append(waiting)
            for thing in self.find(kind, selector):
                waiting.put({"type": "ADDED", "kind": kind, "object": thing})
        try:
            while (event := waiting.get()) is not None:
                thing = event["object"]
                if event["kind"] == kind and fits(labels(thing), selector) and name in ("", thing["metadata"]["name"]):
                    yield {"type": event["type"], "object": thing}
        finally:
            self._watchers.remove(waiting)

    def close(self) -> None:
        """End every watch."""
        for waiting in self._watchers:
            waiting.put(None)

    def _keep(self, event: str, kind: str, thing: Object) -> None:
        self.objects[kind, thing["metadata"]["name"]] = thing
        self._tell(event, kind, thing)

    def _tell(self, event: str, kind: str, thing: Object) -> None:
        self._version += 1
        thing["metadata"]["resourceVersion"] = str(self._version)
        for waiting in self._watchers:
            waiting.put({"type": event, "kind": kind, "object": deepcopy(thing)})


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _faults(thing: Object) -> list[str]:
    """What the schema says against an object."""
    import kubernetes_validate

    try:
        kubernetes_validate.validate(thing, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{thing.get('kind')} {thing['metadata'].get('name')}: {error.message}"]
    return []
