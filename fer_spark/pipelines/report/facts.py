"""What a page says in words and tables of the runs it shows: facts, warnings, mixes, mean heat maps."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any

from fer_spark import __version__
from fer_spark.explaining.settings import LimeSettings
from fer_spark.explaining.summary import ALL, summary_of
from fer_spark.explaining.superpixels import comparable, mean_maps
from fer_spark.networks.card import BundleError, Card
from fer_spark.networks.places import CARD, find_bundle
from fer_spark.pipelines.report.read import ReportError, ScoreTable, WhyTable
from fer_spark.reports.scoring.figures import Cell, label_counts
from fer_spark.reports.scoring.page import Explanations, Mix

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from fer_spark.pipelines.report.settings import ReportSettings


def mixes(table: ScoreTable, cells: list[Cell], settings: ReportSettings) -> list[Mix]:
    """The label mix of the scores, or of the latest run and those before it; and that of the training data."""
    every, latest = label_counts(cells), table.summary["figures"]["labels"]
    earlier = {label: every.get(label, 0) - faces for label, faces in latest.items()} | {
        label: faces for label, faces in every.items() if label not in latest
    }
    found = [Mix("these faces", every)]
    incremental = bool(table.summary["settings"].get("incremental"))
    if incremental and not settings.where and sum(latest.values()) and min(earlier.values(), default=0) >= 0:
        found = [Mix("latest run", latest), Mix("earlier runs", earlier)]
    return [*found, Mix("training data", trained_on(table, settings.bundle))]


def trained_on(table: ScoreTable, bundle: str) -> dict[str, int]:
    """Faces by label in the training split, by the card of the bundle that scored; empty where it is not at hand.

    Raises ReportError for a bundle that was named and is not there, or is another model.
    """
    try:
        place: Traversable = find_bundle(bundle or table.summary["settings"]["bundle"])
        text = (place / CARD).read_text(encoding="utf-8")
        card = Card.from_json(text, str(place))
    except (BundleError, OSError) as error:
        if bundle:
            raise ReportError(f"--bundle {bundle}: {error}") from error
        return {}
    if card.digest != table.summary["model"]["digest"]:
        if bundle:
            scored_by = table.summary["model"]["digest"][:12]
            raise ReportError(f"--bundle {bundle} is model {card.digest[:12]}, the scores are of {scored_by}")
        return {}
    counts = card.data.get("train_counts", {})
    return {str(label): int(faces) for label, faces in counts.items()} if isinstance(counts, dict) else {}


def explanations_of(rows: DataFrame) -> Explanations:
    """Sum up rows of EXPLANATION; mean maps where all faces were cut alike, in a way that compares."""
    numbers = "case when segment_names is null then segment_count end as numbers"  # others are known by their names
    kinds = rows.where("status = 'ok'").selectExpr("segments", "hide", "size_px", numbers).distinct().collect()
    measured = not rows.where("deletion_auc is not null").isEmpty()
    alike = kinds[0] if len(kinds) == 1 and comparable(kinds[0]["segments"]) else None
    content = summary_of(rows, LimeSettings(fidelity=measured), compare=alike is not None)
    gains = [
        (" against ".join(name.split("_gain_")) + " order", gain["mean"], gain["low"], gain["high"])
        for name, gain in content.get("fidelity", {}).get(ALL, {}).items()
        if "_gain_" in name
    ]
    maps, spreads = (
        {} if alike is None else mean_maps(content[figure], alike["segments"], alike["size_px"], alike["numbers"] or 0)
        for figure in ("mean_weights", "spread_weights")
    )
    several = {label for label, row in content["per_label"].items() if row["faces"] > 1}
    spreads = {label: spread for label, spread in spreads.items() if label in several}
    read = content["per_status"].get("ok", 0)
    hidden = ", ".join(sorted({row["hide"] for row in kinds}))
    cut = ", ".join(sorted({row["segments"] for row in kinds}))
    faces = "face" if read == 1 else "faces"
    words = (
        f"{read:,} {faces} by LIME, cut by {cut}, hidden parts shown as {hidden}. Explained, "
        f"with a held-out fit that is good enough to believe the heat map: {content['explained']:,}."
    )
    if content["faces"] > read:
        words += f" {content['faces'] - read:,} could not be read."
    return Explanations(content["per_label"], gains, maps, words, spreads)


def facts(table: ScoreTable | None, why: WhyTable | None, settings: ReportSettings) -> list[tuple[str, str]]:
    """Name and value, in order."""
    found: list[tuple[str, str]] = []
    if table is not None:
        summary, model = table.summary, table.summary["model"]
        found += [
            ("scores", str(summary["output"])),
            ("input", str(summary["input"])),
            (
                "model",
                f"{model['name'] or summary['settings']['bundle']}, digest {model['digest'][:16]}",
            ),
            ("preparation", f"digest {summary['preparation_digest'][:16]}"),
            ("latest run", _run(summary)),
        ]
        found += [("only rows where", settings.where)] if settings.where else []
    if why is not None:
        found += [("explanations", settings.explanations or "of the scoring runs")]
        found += [("explained from", f"{why.shards}, column {why.image_column}")] if why.shards else []
    return [*found, ("fer_spark", __version__)]


def notes(table: ScoreTable | None) -> list[str]:
    """What a reader must know before the figures."""
    if table is None:
        return []
    summary, found = table.summary, []
    for shift in summary["drift"]:
        if shift["flagged"]:
            found.append(
                f"Drift: {shift['what']} of the latest run differ from the {shift['against']}, PSI {shift['psi']:.3f} "
                f"over the threshold of {shift['threshold']:g}."
            )
    if table.other_models:
        found.append(f"{table.other_models:,} faces are of another model or preparation; they are not counted here.")
    return found


def _run(summary: Mapping[str, Any]) -> str:
    words = f"{summary['pictures']:,} pictures in {summary['seconds']:,.1f} s"
    return words + (f", of which {summary['unchanged']:,} unchanged" if summary["unchanged"] else "")
