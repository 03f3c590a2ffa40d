"""What a machine has and lacks for the jobs: one finding a subject, each with the command that mends it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fer_spark.faces.model_file import KNOWN_SHA256, ModelFileError, find_model, model_digest
from fer_spark.machine import MachineError, cache_dir, check_system, free_bytes, size_text, temporary_folder
from fer_spark.networks.card import BundleError
from fer_spark.networks.places import find_bundle, read_files, shipped_bundles
from fer_spark.spark.java import LEAST_VERSION, find_java, how_to_get_java

FINE, LESS, MISSING = "ok", "less", "missing"
"""LESS: jobs run, something that a part of them needs is not there. MISSING: no job runs."""

NEEDED = {
    "pyspark": "pyspark",
    "pyarrow": "pyarrow",
    "numpy": "numpy",
    "pandas": "pandas",
    "PIL": "pillow",
    "yaml": "pyyaml",
}
"""Modules that every job loads, and what brings them."""

EXTRAS: dict[str, tuple[str, tuple[str, ...]]] = {
    "train": ("scoring and training", ("torch", "torchvision", "safetensors", "sklearn", "fsspec", "diskcache")),
    "explain": ("segments along edges", ("lime", "skimage")),
    "report": ("pages", ("jinja2", "altair", "vl_convert")),
    "tune": ("searches", ("optuna", "sqlalchemy")),
    "track": ("TensorBoard, MLflow", ("tensorboard", "mlflow")),
    "export": ("ONNX files", ("onnx", "onnxscript", "onnxruntime")),
    "tables": ("Delta and Iceberg without their jars", ("deltalake", "pyiceberg")),
}
"""By the name of the extra: what for, and its modules."""

PLUGINS = {"HEIC": "heif", "JPEG XL": "jxl"}
"""Formats that Pillow reads by a plugin, as messages and as fer_spark.faces.formats.content name them."""

_PYTHONS = ((3, 11), (3, 13))
_LITTLE_MEMORY = 4 << 30
_LITTLE_DISK = 1 << 30
_LEAST_DISK = 16 << 20


@dataclass(frozen=True)
class Finding:
    """One subject. `found`: what is there; `mend`: the command, or what to do, where its state is not FINE."""

    name: str
    state: str
    found: str
    mend: str = ""


def examine() -> Iterator[Finding]:
    """Every finding, as it is found: importing the larger packages takes seconds."""
    yield _system()
    yield _python()
    yield _java()
    yield _memory()
    yield _temporary()
    yield _cache()
    for module, package in NEEDED.items():
        yield _package(module, package)
    yield _package("cv2", "opencv-python-headless")
    yield from (_extra(name) for name in EXTRAS)
    yield _petastorm()
    yield _model()
    yield _yunet()
    yield from (_plugin(name, kind) for name, kind in PLUGINS.items())
    yield _gpu()
    yield Finding("browser", FINE, "none is needed to write pages; any opens them")


def ready(findings: list[Finding]) -> bool:
    """Whether jobs can run."""
    return all(finding.state != MISSING for finding in findings)


def _system() -> Finding:
    try:
        check_system()
    except MachineError as error:
        return Finding("system", MISSING, sys.platform, str(error))
    return Finding("system", FINE, f"{os.uname().sysname} {os.uname().machine}, {_cores()} cores")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _python() -> Finding:
    low, high = (".".join(map(str, bound)) for bound in _PYTHONS)
    found = f"{sys.version.split()[0]} at {sys.executable}"
    if _PYTHONS[0] <= sys.version_info[:2] <= _PYTHONS[1]:
        return Finding("Python", FINE, found)
    return Finding("Python", MISSING, found, f"install Python {low} to {high}, and fer_spark in it")


def _java() -> Finding:
    java = find_java()
    if java is None:
        return Finding("Java", MISSING, "none", how_to_get_java())
    found = f"{java.release} at {java.program}"
    if java.serves:
        return Finding("Java", FINE, found)
    return Finding("Java", MISSING, f"{found}, {LEAST_VERSION} or newer is needed", how_to_get_java())


def _memory() -> Finding:
    total = _memory_bytes()
    if total is None:
        return Finding("memory", FINE, "unknown")
    if total >= _LITTLE_MEMORY:
        return Finding("memory", FINE, size_text(total))
    return Finding("memory", LESS, size_text(total), "--conf spark.driver.memory=1g --master 'local[1,4]'")


def _memory_bytes() -> int | None:
    """Of this machine, or of the container that this process is in."""
    limits = [Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")]
    found = [int(text) for path in limits if path.is_file() and (text := path.read_text().strip()).isdigit()]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(found, default=None)


def _temporary() -> Finding:
    mend = "export TMPDIR=DIR SPARK_LOCAL_DIRS=DIR, a folder on a disk with some GB free"
    try:
        folder = temporary_folder()
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return Finding("temporary files", MISSING, str(error), mend)
    free = free_bytes(folder)
    found = f"{folder}, {size_text(free)} free" if free is not None else str(folder)
    if free is None or free >= _LITTLE_DISK:
        return Finding("temporary files", FINE, found)
    return Finding("temporary files", LESS if free >= _LEAST_DISK else MISSING, found, mend)


def _cache() -> Finding:
    folder = cache_dir()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if os.access(there, os.W_OK | os.X_OK):
        return Finding("cache", FINE, str(folder))
    return Finding("cache", LESS, f"{folder} cannot be written", "export XDG_CACHE_HOME=DIR, or FER_SPARK_MODELS=DIR")


def _package(module: str, package: str) -> Finding:
    loaded = _loaded(module)
    if isinstance(loaded, str):
        return Finding(package, MISSING, loaded, f"pip install {package}")
    return Finding(package, FINE, str(getattr(loaded, "__version__", "there")))


def _loaded(module: str) -> Any | str:
    """The module, or why it cannot be imported: a package can be there and lack a library of the system."""
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:
        return str(error).splitlines()[0]


def _extra(name: str) -> Finding:
    purpose, modules = EXTRAS[name]
    title = f"[{name}] {purpose}"
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        return Finding(title, LESS, f"no {', '.join(missing)}", f"pip install 'fer-spark[{name}]'")
    return Finding(title, FINE, ", ".join(modules))


def _petastorm() -> Finding:
    if importlib.util.find_spec("petastorm") is None:
        return Finding("petastorm", LESS, "none: nothing can be trained", "pip install --no-deps petastorm==0.13.1")
    return Finding("petastorm", FINE, "there")


def _model() -> Finding:
    try:
        names = [f"{name} ({read_files(find_bundle(name))[0].digest[:12]})" for name in shipped_bundles()]
    except BundleError as error:
        return Finding("shipped model", LESS, str(error), "pip install --force-reinstall --no-deps fer-spark")
    if not names:
        return Finding("shipped model", LESS, "none in this installation", "name one of your own with --bundle")
    return Finding("shipped model", FINE, ", ".join(names))


def _yunet() -> Finding:
    mend = "fer-spark fetch-detector (until then Haar finds faces, fewer of them)"
    try:
        path = find_model()
        if path is None:
            return Finding("YuNet", LESS, "its file is not here", mend)
        digest = model_digest(path)
    except (ModelFileError, OSError) as error:
        return Finding("YuNet", LESS, str(error), mend)
    return Finding("YuNet", FINE, f"{KNOWN_SHA256.get(digest, 'none of the released models')} at {path}")


def _plugin(name: str, kind: str) -> Finding:
    plugins = _loaded("fer_spark.faces.formats.plugins")
    if isinstance(plugins, str):
        return Finding(f"{name} pictures", LESS, plugins)
    missing = plugins.missing_plugin(kind)
    if missing is not None:
        return Finding(f"{name} pictures", LESS, "not read", missing)
    return Finding(f"{name} pictures", FINE, "read")


def _gpu() -> Finding:
    torch = _loaded("torch")
    if isinstance(torch, str):
        return Finding("GPU", FINE, "not checked: torch cannot be loaded")
    if not torch.cuda.is_available():
        return Finding("GPU", FINE, "none that torch sees; none is needed")
    names: Callable[[int], str] = torch.cuda.get_device_name
    return Finding("GPU", FINE, ", ".join(names(index) for index in range(torch.cuda.device_count())))
