"""A bundle's card as a page to read: what it is, how it was trained, how good it is, what it is not for."""

from __future__ import annotations

from typing import Any

from fer_spark.preparation.preparation import Preparation


def model_card(card: dict[str, Any]) -> str:
    """Markdown from the content of `card.json`; figures that were measured with `fer-spark evaluate --record` first."""
    training = card.get("training", {})
    settings = {key: value for group in training.values() if isinstance(group, dict) for key, value in group.items()}
    data = card.get("data", {})
    sections = [
        f"# {card['name'] or 'A fer_spark bundle'}",
        "Outputs are *perceived expressions*: what a face looks like to annotators, not what a person feels.",
        f"**Intended use.** {card['intended_use']}",
        f"**Limits.** {card['limits']}",
        f"**Law.** {card['law']}",
        f"**Licence.** {card['licence']}",
        "## Input and output",
        _list(
            {
                "picture": f"{card['image']['size_px']} px {card['image']['mode']}, one face, prepared alike",
                "face found by": _detector(card.get("preparation") or {}),
                "looked at": f"{card['views']}, crop of {card['crop_px'] or card['image']['size_px']} px",
                "classes, in order": ", ".join(card["label_names"]),
                "network": f"{card['network']} {card['arguments']}",
                "temperature": f"{card['temperature']:.3f}",
            }
        ),
        "## Training",
        _list(
            {
                "shards": f"checksum {data.get('checksum', '?')}",
                "trained on": f"split {data.get('train_split', '?')}, {data.get('train_rows', 0):,} rows: "
                + ", ".join(f"{name} {count:,}" for name, count in data.get("train_counts", {}).items()),
                "epoch chosen on": f"split {data.get('val_split') or 'none'}, by {settings.get('select_on', '?')}: "
                f"epoch {training.get('best_epoch', -1) + 1} of {training.get('epochs_run', 0)}",
                **_teachers(training, settings),
                "seed": settings.get("seed", "?"),
                "package": f"fer_spark {card['package_version']}",
            }
        ),
        *_figures(card.get("metrics", {})),
    ]
    return "\n\n".join(sections) + "\n"


def _detector(preparation: dict[str, Any]) -> str:
    kept = Preparation.from_dict(preparation)
    return "any detector: its training faces came as faces, or boxed" if kept.accepts_any_detector else kept.detector


def _teachers(training: dict[str, Any], settings: dict[str, Any]) -> dict[str, str]:
    teachers = training.get("teachers")
    if not teachers:
        return {}
    names = ", ".join(f"{teacher['name']} ({teacher['digest'][:16]})" for teacher in teachers)
    versions = settings.get("distill_versions")
    how = "once per row" if settings.get("distill_once") else "for each augmented picture"
    how = f"once for each of {versions} augmented versions of a picture" if versions else how
    share, temperature = settings["distill_weight"], settings["distill_temperature"]
    return {"taught by": f"{names}, {how}: {share:.0%} of the loss, at temperature {temperature:g}"}


def _list(entries: dict[str, Any]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in entries.items())


def _figures(metrics: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for split, content in metrics.get("measured", {}).items():
        found += [f"## Measured on {split}", content["protocol"]]
        found += [_scores_table(content["scores"])]
        found += [_classes_table(content["scores"][0]), *_confidences(content["scores"][0])]
    if not found and metrics:
        found = [
            f"## On {metrics['split']}, which chose the epoch; one view",
            _scores_table([{**metrics, "pictures": "all"}]),
            _classes_table(metrics),
            *_confidences(metrics),
        ]
    return found


def _scores_table(scores: list[dict[str, Any]]) -> str:
    lines = [
        "| views | pictures | rows | accuracy (95 %) | balanced accuracy | macro-F1 (95 %) | ECE (by chance) |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in scores:
        lines.append(
            f"| {row['views']} | {row['pictures']} | {row['rows']:,} | {_interval(row, 'accuracy', row['accuracy'])} "
            f"| {_number(row['balanced_accuracy'], 4)} | {_interval(row, 'macro_f1', row['macro']['f1'])} "
            f"| {_calibration(row['calibration'])} |"
        )
    return "\n".join(lines)


def _calibration(found: dict[str, Any]) -> str:
    """The error, and the one that perfectly calibrated probabilities would show, which older cards do not have."""
    chance = found.get("by_chance")
    return _number(found["ece"], 3) + ("" if chance is None else f" ({chance:.3f})")


def _confidences(scores: dict[str, Any]) -> list[str]:
    """How often predictions of a class are right, by their confidence; older cards do not say."""
    bins = [(label["name"], label.get("by_confidence") or []) for label in scores["per_class"]]
    edges = next((found for _, found in bins if found), None)
    if edges is None:
        return []
    steps = " | ".join(f"{step['lower']:.1f} to {step['upper']:.1f}" for step in edges)
    lines = [
        "What a confidence is worth: of the pictures predicted as a class, how many are right (number of pictures).",
        "",
        f"| predicted as | {steps} |",
        "|" + "---|" * (len(edges) + 1),
    ]
    for name, found in bins:
        cells = [f"{step['accuracy']:.0%} ({step['rows']:,})" if step["rows"] else "–" for step in found]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return ["\n".join(lines)]


def _interval(scores: dict[str, Any], name: str, value: float | None) -> str:
    around = scores["intervals"].get(name)
    if value is None or not around or around["low"] is None:
        return _number(value, 4)
    return f"{value:.4f} ({around['low']:.4f} to {around['high']:.4f})"


def _number(value: float | None, digits: int) -> str:
    """A dash where there is none, as without rows."""
    return "–" if value is None else f"{value:.{digits}f}"


def _classes_table(scores: dict[str, Any]) -> str:
    lines = ["| class | precision | recall | F1 | support |", "|---|---|---|---|---|"]
    for label in scores["per_class"]:
        shown = [_number(label[key], 3) for key in ("precision", "recall", "f1")]
        lines.append(f"| {label['name']} | {' | '.join(shown)} | {label['support']:,} |")
    return "\n".join(lines)
