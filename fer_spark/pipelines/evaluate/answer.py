"""Predictions of a bundle for every picture of a split, after checking that bundle and shards fit."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fer_spark.networks.bundle import Bundle, load_bundle
from fer_spark.networks.quick.fused import fused
from fer_spark.serving.match import (
    LabelMatch,
    check_preparation,
    image_column,
    match_labels,
    preparation_differences,
)
from fer_spark.shards.manifest import Manifest
from fer_spark.shards.read.files import ShardFiles
from fer_spark.shards.read.reader import ShardError, open_shards
from fer_spark.shards.read.remedies import no_labels
from fer_spark.shards.read.settings import ReadSettings
from fer_spark.training.ranks import choose_device

if TYPE_CHECKING:
    from fer_spark.batches import Batch
    from fer_spark.pipelines.evaluate.settings import EvaluateSettings

Floats = npt.NDArray[np.floating]
SINGLE = "single"


@dataclass(frozen=True)
class Matched:
    """A bundle and shards that may be measured against each other. `differing` is what --force passed over."""

    bundle: Bundle
    files: ShardFiles
    labels: LabelMatch
    column: str
    views: tuple[str, ...]
    differing: list[str]

    @property
    def manifest(self) -> Manifest:
        return self.files.manifest


@dataclass
class Answers:
    """Of all R rows of the split, in row order.

    given            label as an index of the shards' classes, -1 where none
    true             the same as an index of the matched classes, -1 where none or unknown to the bundle
    probabilities    (R, K) for each way of looking at a picture
    valence_arousal  (R, 2) true, NaN where unknown, and (R, 2) predicted; None for a bundle without that head
    surest           confidence, row and picture of the surest mistakes
    """

    given: npt.NDArray[np.int64]
    true: npt.NDArray[np.int64]
    probabilities: dict[str, Floats]
    valence_arousal: tuple[Floats, Floats] | None
    surest: list[tuple[float, int, npt.NDArray[np.uint8]]] = field(default_factory=list)


def match(settings: EvaluateSettings) -> Matched:
    """Load bundle and manifest and see that they fit. Raises ValueError, BundleError, ShardError or ImportError."""
    bundle = load_bundle(settings.bundle, str(choose_device(settings.device)), settings.bf16)
    if settings.bf16:  # as score computes it
        bundle = fused(bundle)
    files = ShardFiles.find(settings.shards, settings.split)
    manifest = files.manifest
    if not manifest.label_names:
        raise ShardError(no_labels(settings.shards))
    column = image_column(bundle.card, manifest, settings.image_column)
    rows = manifest.counts.per_label.get(settings.split, {})
    labels = match_labels(manifest.label_names, bundle.labels, rows, settings.map_labels)
    differing = preparation_differences(bundle.card, manifest, column)
    check_preparation(differing, settings.force)
    views = settings.views or bundle.card.views
    return Matched(bundle, files, labels, column, (views,) if views == SINGLE else (views, SINGLE), differing)


def answer(settings: EvaluateSettings, matched: Matched, console: Console) -> Answers:
    """Run the bundle over the split. Raises ShardError for damaged shards, or rows that come twice or not at all."""
    with_va = matched.bundle.network.va_head
    rows = matched.files.rows
    read = ReadSettings(
        image_column=matched.column,
        batch_size=settings.batch_size,
        shuffle=False,
        last_batch="pad",
        valence_arousal=with_va,
    )
    va = (np.full((rows, 2), np.nan), np.zeros((rows, 2))) if with_va else None
    empty = np.zeros((rows, len(matched.labels.names)))
    all_answers = Answers(np.full(rows, -1), np.full(rows, -1), {view: empty.copy() for view in matched.views}, va)
    met = np.zeros(rows, dtype=np.int64)
    with open_shards(settings.shards, settings.split, read) as source, _progress(console) as progress:
        task = progress.add_task("answering", total=len(source))
        for batch in source.epoch(0):
            np.add.at(met, _take(batch, matched, all_answers, settings.mistakes), 1)
            progress.advance(task)
    if not (met == 1).all():
        raise ShardError(
            f"{settings.shards}: the manifest counts {rows:,} rows in {settings.split}, but {(met == 0).sum():,} did "
            f"not come and {(met > 1).sum():,} came twice; build the shards again"
        )
    return all_answers


def _take(batch: Batch, matched: Matched, answers: Answers, mistakes: int) -> npt.NDArray[np.int64]:
    """Answer one batch, keep what is to be kept of it; returns the rows it held."""
    real = batch.real.numpy()
    rows: npt.NDArray[np.int64] = batch.rows.numpy()[real]
    images = batch.images.numpy()[real]
    answers.given[rows] = batch.labels.numpy()[real]
    answers.true[rows] = matched.labels.true(answers.given[rows])
    for views in matched.views:
        probabilities, va = matched.bundle.predict(images, len(images) or 1, views)
        answers.probabilities[views][rows] = matched.labels.probabilities(probabilities)
        if views == matched.views[0] and answers.valence_arousal is not None and va is not None:
            assert batch.valence is not None
            assert batch.arousal is not None
            truth = np.stack([batch.valence.numpy()[real], batch.arousal.numpy()[real]], axis=1)
            answers.valence_arousal[0][rows], answers.valence_arousal[1][rows] = truth, va
    _remember(answers, rows, images, matched.views[0], mistakes)
    return rows


def _remember(answers: Answers, rows: npt.NDArray[np.int64], images: Floats, views: str, most: int) -> None:
    """Keep the pictures of the `most` surest mistakes so far."""
    probabilities, true = answers.probabilities[views][rows], answers.true[rows]
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero((true >= 0) & (predicted != true))
    wrong = wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")[:most]]
    found = [(float(probabilities[i, predicted[i]]), int(rows[i]), _as_bytes(images[i])) for i in wrong]
    answers.surest = heapq.nsmallest(most, answers.surest + found, key=lambda item: (-item[0], item[1]))


def _as_bytes(image: Floats) -> npt.NDArray[np.uint8]:
    shown = image if image.dtype == np.uint8 else np.rint(image * 255)
    return np.array(shown, dtype=np.uint8)


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
