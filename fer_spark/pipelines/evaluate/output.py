"""An evaluation as files: figures, predictions, pictures and the page, written aside and put in place at once."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fer_spark import __version__
from fer_spark.artifacts import replace_directory
from fer_spark.metrics import without_nan
from fer_spark.pipelines.evaluate.report import Measured, report_of
from fer_spark.reports.evaluation import PAGE, PICTURES, PROTOCOL, write_evaluation

METRICS, PREDICTIONS = "metrics.json", "predictions.parquet"
FORMAT_VERSION = 1
_OURS = frozenset({METRICS, PREDICTIONS, PAGE, *PICTURES})


def check_output(output: Path, overwrite: bool) -> None:
    """Raise ValueError where an evaluation is in the way without --overwrite, or anything that is none."""
    if not output.exists():
        return
    if not output.is_dir():
        raise ValueError(f"--output {output}: a file is there; name a directory")
    foreign = sorted(entry.name for entry in output.iterdir() if entry.name not in _OURS)
    if foreign:
        raise ValueError(f"--output {output}: holds {', '.join(foreign[:3])}, which no evaluation writes; name another")
    if any(output.iterdir()) and not overwrite:
        raise ValueError(f"--output {output}: holds an evaluation; name another, or pass --overwrite")


def write_output(measured: Measured) -> Path:
    """Write everything and return the directory; a failure on the way leaves what was there before."""
    output = measured.settings.output_path

    def fill(directory: Path) -> None:
        text = json.dumps(metrics_of(measured), indent=1, ensure_ascii=False, allow_nan=False)
        (directory / METRICS).write_text(text, encoding="utf-8")
        pq.write_table(predictions_of(measured), directory / PREDICTIONS, compression="zstd")
        write_evaluation(directory, report_of(measured))

    replace_directory(output, fill)
    return output


def metrics_of(measured: Measured) -> dict[str, Any]:
    """What metrics.json holds: no clock, so the same bundle, shards and settings give the same bytes."""
    matched, scored, card = measured.matched, measured.scored, measured.matched.bundle.card
    variants = [
        {"views": views, "pictures": pictures, **scores.to_dict()}
        for (views, pictures), scores in scored.variants.items()
    ]
    content = {
        "format_version": FORMAT_VERSION,
        "outputs": "perceived expressions: what a face looks like to annotators, not what a person feels",
        "protocol": PROTOCOL[measured.settings.split],
        "package_version": __version__,
        "bundle": {
            "name": card.name,
            "digest": card.digest,
            "weights_sha256": card.weights_sha256,
            "preparation_digest": card.preparation_digest,
            "views": matched.views[0],
            "temperature": card.temperature,
        },
        "shards": {
            "checksum": matched.manifest.checksum,
            "split": measured.settings.split,
            "image_column": matched.column,
            "package_version": matched.manifest.package_version,
        },
        "settings": asdict(measured.settings),
        "label_names": list(matched.labels.names),
        "left_out_classes": {
            "only_in_shards": list(matched.labels.only_in_shards),
            "only_in_bundle": list(matched.labels.only_in_bundle),
        },
        "preparation_differences": matched.differing,
        "rows": measured.left_out,
        "scores": variants[0],
        "variants": variants[1:],
        "test_time_augmentation_gain": {name: difference.to_dict() for name, difference in (scored.gain or {}).items()}
        or None,
        "valence_arousal": {name: agreement.to_dict() for name, agreement in scored.agreement.items()} or None,
    }
    return dict(without_nan(content))


def predictions_of(measured: Measured) -> pa.Table:
    """One row per row of the split, also of those left out: `true` is null without a label that the bundle knows.

    `probabilities` is in the order of the file's metadata `label_names`, after the main way of looking at pictures.
    """
    answers, names = measured.answers, np.array(measured.matched.labels.names, dtype=object)
    probabilities = answers.probabilities[measured.matched.views[0]]
    predicted = probabilities.argmax(axis=1)
    columns: dict[str, pa.Array] = {
        "face_id": pa.array(measured.identities.face_ids),
        "row": pa.array(np.arange(len(predicted))),
        "true": pa.array([names[k] if k >= 0 else None for k in answers.true], pa.string()),
        "predicted": pa.array(names[predicted], pa.string()),
        "confidence": pa.array(probabilities.max(axis=1), pa.float32()),
        "probabilities": pa.array(list(probabilities.astype(np.float32)), pa.list_(pa.float32())),
        "also_in_train": pa.array(measured.identities.in_train),
        "repeated_in_split": pa.array(measured.identities.repeated),
    }
    if answers.valence_arousal is not None:
        for side, values in zip(("true", "predicted"), answers.valence_arousal, strict=True):
            for i, name in enumerate(("valence", "arousal")):
                columns[f"{side}_{name}"] = pa.array(values[:, i], pa.float32(), from_pandas=True)
    return pa.table(columns).replace_schema_metadata({"label_names": json.dumps(list(names))})
