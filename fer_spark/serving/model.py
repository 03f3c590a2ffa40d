"""Ships a bundle to Spark's workers, and prepares pictures as its card says."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark import TaskContext
from pyspark.errors import PySparkException

from fer_spark.artifacts import written_aside
from fer_spark.faces.detect import DetectorSpec, resolve_detector
from fer_spark.faces.model_file import ModelFileError
from fer_spark.faces.on_spark import prepare_in_worker
from fer_spark.faces.resolve import resolve, settings_like
from fer_spark.faces.settings import FaceSettings
from fer_spark.networks.card import BundleError, Card
from fer_spark.networks.places import CARD, WEIGHTS, find_bundle, is_shipped, read_files
from fer_spark.pixels.stored import StoredPixels
from fer_spark.preparation.older import is_older, scored_digest
from fer_spark.preparation.preparation import NO_DETECTOR, Preparation, Reuse
from fer_spark.serving.match import MismatchError
from fer_spark.spark.connect import is_connect, ship_file

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

    from fer_spark.networks.bundle import Bundle

DEVICES = ("auto", "cpu", "gpu")
_GPU_HELP = (
    "--device gpu: Spark gives its tasks no GPU. Ask for them with --conf spark.executor.resource.gpu.amount=1 "
    "--conf spark.task.resource.gpu.amount=0.25 --conf spark.executor.resource.gpu.discoveryScript=FILE "
    "(the cluster manager must offer them), or use --device cpu"
)


@dataclass(frozen=True)
class BundleSpec:
    """Names a bundle that was shipped with the job (fer_spark.scorer.ScorerSpec); opened in the Python workers.

    `archive` is its file among those that Spark brought; `device` is "cpu" or "gpu".
    """

    archive: str
    digest: str
    device: str = "cpu"
    bf16: bool = False

    @property
    def key(self) -> str:
        """The model's digest and where this task runs it."""
        return f"{self.digest}|{self._place()}|{self.bf16}"

    def open(self) -> Bundle:
        """Load it here. Raises RuntimeError where a GPU was requested and this worker has none."""
        import torch
        from pyspark import SparkFiles  # here alone: a client of Spark Connect may have none

        from fer_spark.networks.bundle import Bundle
        from fer_spark.networks.bundle_files import read_bundle
        from fer_spark.networks.quick.fused import fused

        task = TaskContext.get()
        torch.set_num_threads(task.cpus() if task else 1)
        place = self._place()
        if place != "cpu" and not torch.cuda.is_available():
            raise RuntimeError(f"this task was given GPU {place}, but torch sees none here: install torch with CUDA")
        with zipfile.ZipFile(SparkFiles.get(self.archive)) as archive:
            card, network = read_bundle(zipfile.Path(archive))
        return fused(Bundle(card, network, place, self.bf16))

    def _place(self) -> str:
        """`cpu`, or the GPU whose address Spark gave this task: `cuda:1`; the first one in local mode."""
        if self.device == "cpu":
            return "cpu"
        task = TaskContext.get()
        given = task.resources().get("gpu") if task else None
        return f"cuda:{given.addresses[0]}" if given else "cuda:0"


@dataclass(frozen=True)
class Prepare:
    """RAW_IMAGE batches → prepared batches, in a worker. `digest` names all that the pixels of a face depend on."""

    settings: FaceSettings
    detector: DetectorSpec
    digest: str = ""

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return prepare_in_worker(batches, self.settings, self.detector)

    @property
    def preparation(self) -> Preparation:
        return resolve(self.settings, self.detector)


def ship_bundle(spark: SparkSession, name_or_path: str, device: str = "auto", bf16: bool = False) -> Shipped:
    """Check a bundle, choose its device, and have Spark bring it to every executor.

    Raises BundleError for a bundle that is missing or damaged, ValueError for a GPU that Spark does not give.
    """
    place = find_bundle(name_or_path)
    card = _checked_card(place, shipped=is_shipped(name_or_path))
    archive = f"fer-spark-{card.digest[:16]}.zip"
    target = Path(_directory()) / archive
    if not target.exists():
        _pack(place, target)
    ship_file(spark, target)
    return Shipped(card, BundleSpec(archive, card.digest, chosen_device(spark, device), bf16))


def _checked_card(place: Traversable, shipped: bool) -> Card:
    """The card of a bundle that is whole. One that comes with the package was tried when that was made; of any other,
    weights and card are put together once, here, which takes torch."""
    if shipped:
        return read_files(place)[0]
    from fer_spark.networks.bundle_files import read_bundle

    return read_bundle(place)[0]


@dataclass(frozen=True)
class Shipped:
    """A bundle's card, and what the workers open it by."""

    card: Card
    spec: BundleSpec


def chosen_device(spark: SparkSession, device: str) -> str:
    """`cpu` or `gpu`. Raises ValueError, with the settings to give, for a GPU that is requested and missing."""
    if device not in DEVICES:
        raise ValueError(f"device: {device!r}, expected one of {', '.join(DEVICES)}")
    if device == "cpu":
        return "cpu"
    given = _gpus_of_task(spark) > 0
    if device == "gpu" and not given and not is_connect(spark) and str(spark.sparkContext.master).startswith("local"):
        import torch

        given = torch.cuda.is_available()
    if device == "gpu" and not given:
        raise ValueError(_GPU_HELP)
    return "gpu" if given else "cpu"


def _gpus_of_task(spark: SparkSession) -> float:
    try:
        return float(str(spark.conf.get("spark.task.resource.gpu.amount", "0")))
    except PySparkException:  # a shared server may keep its settings to itself; without this one there is no GPU
        return 0.0


def face_settings(
    card: Card, faces: str, detector: str = "", detector_model: str = "", try_turned: bool = False
) -> FaceSettings:
    """Settings by which the bundle's training pictures were prepared, and these over them.

    Raises BundleError for a card of a newer release, or that gives no picture of the size that the network takes.
    """
    kept = card.prepared
    chosen = detector or ("auto" if kept.accepts_any_detector else kept.detector)
    margin = kept.margin
    if kept.detector == NO_DETECTOR and not is_older(card.preparation):
        margin = FaceSettings.margin  # pictures that were the face have none to go by
    given = {"detector": chosen, "detector_model": detector_model, "margin": margin}
    settings = settings_like(kept, faces=faces, **given, try_turned=try_turned or kept.try_turned)
    pixel_format(card, settings)
    return settings


def prepare_for(card: Card, settings: FaceSettings, detector: str = "", source_detector: str | None = None) -> Prepare:
    """How a bundle's pictures are prepared by `face_settings`: with `detector`, else with the one that its card names.

    `source_detector` as in resolve_detector. Raises MismatchError, or ModelFileError where YuNet's file is missing, if
    faces would be found otherwise than those it was trained on and `detector` does not say so.
    """
    kept = card.prepared
    bound = not detector and not kept.accepts_any_detector
    try:
        spec = resolve_detector(settings, source_detector)
    except ModelFileError as error:
        raise (ModelFileError(f"{error}. {_way_out(kept)}") if bound else error) from error
    if bound:
        _check_alike(kept, settings, spec, source_detector)
    if not is_older(card.preparation) or settings.try_turned:  # which no older release had
        return Prepare(settings, spec, resolve(settings, spec).digest)
    typed = card.preparation.get("size") or [f"{card.image.size_px}:{card.image.mode}"]
    return Prepare(settings, spec, scored_digest({**asdict(settings), "size": typed}, spec.digest))


def _check_alike(kept: Preparation, settings: FaceSettings, spec: DetectorSpec, source_detector: str | None) -> None:
    """Raise MismatchError for faces that would be found otherwise than the bundle's; how many are kept may differ."""
    here = resolve(replace(settings, faces=kept.faces), replace(spec, every_face=kept.faces == "all"))
    differing = kept.differences(here, Reuse.PIXELS, "for the bundle", "here")
    if source_detector == NO_DETECTOR and kept.searches:
        differing.append(f"detector: none here, as these pictures are faces already, {kept.detector} for the bundle")
    if differing:
        raise MismatchError("\n  ".join(["preparation:", *differing]) + f"\n{_way_out(kept)}")


def _way_out(kept: Preparation) -> str:
    return (
        f"The bundle was trained on faces found by {kept.detector}; --detector NAME (`detector` in the SQL functions) "
        f"allows another, or {kept.detector} with any model file"
    )


def pixel_format(card: Card, settings: FaceSettings) -> StoredPixels:
    """The prepared column that the network takes. Raises BundleError if none of the sizes is it."""
    for spec in settings.specs:
        if spec.face == card.image:
            return spec
    raise BundleError(f"the network takes {card.image}, its card prepares {', '.join(settings.size)}")


def _pack(place: Traversable, target: Path) -> None:
    """Both files of a bundle in one archive, which appears whole; the same bytes whoever packs it, and when."""
    with written_aside(target) as aside, zipfile.ZipFile(aside, "w", zipfile.ZIP_STORED) as packed:
        for entry in sorted(place.iterdir(), key=lambda entry: entry.name):
            if entry.name == CARD or entry.name.endswith(Path(WEIGHTS).suffix):
                packed.writestr(zipfile.ZipInfo(entry.name), entry.read_bytes())


@lru_cache(maxsize=1)
def _directory() -> str:
    """Where bundles wait for the executors to fetch them, until this process ends."""
    directory = tempfile.mkdtemp(prefix="fer-spark-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory
