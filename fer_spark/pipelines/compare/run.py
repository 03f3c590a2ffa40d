"""The runs of a comparison, their figures, and the table made of them."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from fer_spark.artifacts import replace_file
from fer_spark.metrics.evaluation import Evaluation, evaluate
from fer_spark.networks.bundle import load_bundle
from fer_spark.pipelines.compare.methods import KNN, CompareSettings, epochs_for, remedy
from fer_spark.pipelines.compare.table import MethodFigures, SeedFigures, print_table, write_tables
from fer_spark.pipelines.train.run import FAILURES, USAGE, AllSettings
from fer_spark.pipelines.train.run import run as train
from fer_spark.settings import changing, differences, later
from fer_spark.shards.read.reader import open_shards
from fer_spark.shards.read.remedies import no_labels
from fer_spark.shards.read.settings import ReadSettings
from fer_spark.training.baseline import NearestNeighbours, choose_k, gather
from fer_spark.training.imbalance.sampling import drawn_counts

__all__ = ["FAILURES", "USAGE", "run"]
_FIGURES = "figures.json"


def run(compare: CompareSettings, settings: AllSettings, stopping: list[int]) -> bool:
    """Train what is not trained yet, and write and print the table; False when stopped before the end."""
    output, console = Path(settings.run.output), Console(stderr=True)
    split = compare.measure_split or settings.run.val_split
    if not split:
        raise ValueError("--val-split and --measure-split are both empty: there is nothing to measure on")
    checksum = _check_splits(settings, split)
    _same_comparison(output, compare, settings, checksum)
    plan = [(name, seed) for name in compare.names if name != KNN for seed in compare.seed_list]
    found: dict[str, list[SeedFigures]] = {}
    for number, (name, seed) in enumerate(plan):
        run = _run_settings(compare, settings, name, seed)
        if not (Path(run.run.output) / _FIGURES).is_file():
            console.print(
                f"Run {number + 1} of {len(plan)}: {name}, seed {seed}, {run.train.epochs} epochs", highlight=False
            )
        figures = _figures(run, seed, split, stopping)
        if figures is None:
            return False
        found.setdefault(name, []).append(figures)
    if KNN in compare.names:
        found[KNN] = [_nearest_neighbours(settings, split, console)]
    methods = [MethodFigures(name, found[name]) for name in compare.names]
    about = {
        "split": split,
        "chosen_on_it": split == settings.run.val_split,
        "budget": compare.budget,
        "seeds": compare.seed_list,
        "settings": _plain(compare, settings),
    }
    write_tables(output, methods, about)
    print_table(console, methods, about)
    console.print(f"Tables: {output}", highlight=False, markup=False)
    return True


def _check_splits(settings: AllSettings, measured: str) -> str:
    """The shards' checksum. Raises ShardError, ValueError for a split that is not there or that no figure can be had
    of, before anything is trained."""
    run = settings.run
    for split in dict.fromkeys(filter(None, (run.train_split, run.val_split, measured))):
        with open_shards(run.shards, split, dataclasses.replace(settings.read, cache_dir="")) as reader:
            if not reader.label_names:
                raise ValueError(no_labels(run.shards))
            if not reader.class_counts().any():
                raise ValueError(f"{run.shards}: no row of split {split!r} has a label")
            checksum = reader.manifest.checksum
    return checksum


def _plain(compare: CompareSettings, settings: AllSettings) -> dict[str, Any]:
    return dict(json.loads(json.dumps({"compare": dataclasses.asdict(compare), **dataclasses.asdict(settings)})))


def _same_comparison(output: Path, compare: CompareSettings, settings: AllSettings, checksum: str) -> None:
    """Runs that lie in `output` must belong to this comparison: other methods and seeds may join, no more.

    Shards are known by their checksum, wherever they lie. With --overwrite all runs that lie there go.
    """
    parts = {"compare": compare, **vars(settings)}
    content = json.loads(json.dumps({group: changing(part) for group, part in parts.items()}))
    content["run"]["shards"] = checksum
    path = output / "runs" / "settings.json"
    if settings.run.overwrite:
        shutil.rmtree(path.parent, ignore_errors=True)
    if path.is_file():
        there = json.loads(path.read_text(encoding="utf-8"))
        known = {
            group: {
                key: value for key, value in there.get(group, {}).items() if key in now or key in later(parts[group])
            }
            for group, now in content.items()
        }
        if differing := "; ".join(differences(known, content)):
            raise ValueError(f"{output} holds a comparison with other settings ({differing}); or --overwrite")
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps(content))


def _run_settings(compare: CompareSettings, settings: AllSettings, name: str, seed: int) -> AllSettings:
    imbalance = remedy(name, settings.imbalance)
    with open_shards(settings.run.shards, settings.run.train_split, settings.read) as reader:
        counts = reader.class_counts()
    epochs = epochs_for(
        settings.train.epochs, int(counts.sum()), int(drawn_counts(imbalance, counts).sum()), compare.budget
    )
    output = Path(settings.run.output) / "runs" / f"{name}-{seed}"
    board = str(Path(settings.run.tensorboard) / output.name) if settings.run.tensorboard else ""
    return dataclasses.replace(
        settings,
        run=dataclasses.replace(settings.run, output=str(output), tensorboard=board),
        read=dataclasses.replace(settings.read, seed=seed),
        train=dataclasses.replace(settings.train, epochs=epochs),
        imbalance=imbalance,
    )


def _figures(run: AllSettings, seed: int, split: str, stopping: list[int]) -> SeedFigures | None:
    """Figures of one run on `split`; trains it first where that is still to be done. None when stopped."""
    output = Path(run.run.output)
    kept = output / _FIGURES
    if run.run.overwrite or not (output / "card.json").is_file():
        kept.unlink(missing_ok=True)
        if not train(run, stopping):
            return None
    if kept.is_file():
        there = json.loads(kept.read_text(encoding="utf-8"))
        if there["split"] == split:
            return SeedFigures(seed, there["figures"])
    bundle = load_bundle(output)
    still = dataclasses.replace(run.read, shuffle=False, last_batch="pad")
    parts: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]] = []
    with open_shards(run.run.shards, split, still) as reader:
        for batch in reader.epoch(0):
            keep = (batch.real & (batch.labels >= 0)).numpy()
            if keep.any():
                parts.append(
                    (batch.labels.numpy()[keep], bundle.predict_proba(batch.images.numpy()[keep], views="single"))
                )
    labels, probabilities = (np.concatenate(column) for column in zip(*parts, strict=True))
    scores = evaluate(labels, probabilities, bundle.labels)
    figures = _flat(scores)
    replace_file(kept, json.dumps({"split": split, "figures": figures, "scores": scores.to_dict()}))
    return SeedFigures(seed, figures)


def _nearest_neighbours(settings: AllSettings, split: str, console: Console) -> SeedFigures:
    """The baseline, its k chosen on the val split (on the measured one where there is none)."""
    still = ReadSettings(image_column=settings.read.image_column, shuffle=False)
    gathered = {}
    for name in {settings.run.train_split, settings.run.val_split or split, split}:
        with open_shards(settings.run.shards, name, still) as reader:
            gathered[name] = gather(reader)
            names = reader.label_names
    train, val = gathered[settings.run.train_split], gathered[settings.run.val_split or split]
    chosen = choose_k(train, val)
    console.print(f"k-nearest neighbours: k = {chosen.k}, chosen on {settings.run.val_split or split}", highlight=False)
    measured = gathered[split]
    probabilities = NearestNeighbours(train, chosen.k).predict_proba(measured.pixels)
    return SeedFigures(0, {**_flat(evaluate(measured.labels.numpy(), np.asarray(probabilities), names)), "k": chosen.k})


def _flat(scores: Evaluation) -> dict[str, float]:
    figures = {
        "accuracy": scores.accuracy,
        "balanced_accuracy": scores.balanced_accuracy,
        "macro_f1": scores.macro.f1,
    }
    return figures | {f"f1_{label.name}": label.f1 for label in scores.per_class if label.support}
