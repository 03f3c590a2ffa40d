"""The page of an evaluation put together: figures, pictures, and what to know about them."""

from __future__ import annotations

from dataclasses import dataclass

from fer_spark import __version__
from fer_spark.pipelines.evaluate.answer import Answers, Matched
from fer_spark.pipelines.evaluate.score import Scored
from fer_spark.pipelines.evaluate.settings import EvaluateSettings
from fer_spark.reports.evaluation import EvaluationReport, Variant
from fer_spark.shards.identities import Identities

VIEWS = {"single": "one view", "flip": "two views (mirrored)", "ten": "ten views (crops, mirrored)"}


@dataclass(frozen=True)
class Measured:
    """All parts of one evaluation."""

    settings: EvaluateSettings
    matched: Matched
    answers: Answers
    identities: Identities
    scored: Scored

    @property
    def left_out(self) -> dict[str, int]:
        """Rows of the split, and how many of them did not count where and why."""
        labelled = self.answers.true >= 0
        in_train, repeated = self.identities.in_train & labelled, self.identities.repeated & labelled
        return {
            "in_split": len(labelled),
            "without_label": int((self.answers.given < 0).sum()),
            "class_unknown_to_bundle": int(((self.answers.given >= 0) & ~labelled).sum()),
            "evaluated": int(labelled.sum()),
            "also_in_train": int(in_train.sum()),
            "repeated_in_split": int((repeated & ~in_train).sum()),
            "unique": int((labelled & self.identities.unique).sum()),
        }


def report_of(measured: Measured) -> EvaluationReport:
    """The same as a page."""
    settings, matched, scored = measured.settings, measured.matched, measured.scored
    card, manifest = matched.bundle.card, matched.manifest
    facts = [
        ("bundle", f"{card.name or settings.bundle}, digest {card.digest[:16]}"),
        ("network", f"{card.network}, {card.image.size_px} px {card.image.mode}, temperature {card.temperature:.3g}"),
        ("trained on", f"shards of checksum {card.data.get('checksum', 'unknown')}"),
        ("measured on", f"split {settings.split} of shards of checksum {manifest.checksum}, column {matched.column}"),
        ("faces found by", manifest.preparation.detector),
        ("classes", ", ".join(matched.labels.names)),
        ("fer_spark", __version__),
    ]
    gains = {f"{VIEWS[matched.views[0]].capitalize()} against one view": scored.gain} if scored.gain else {}
    return EvaluationReport(
        title=f"{card.name or settings.bundle}: {settings.split} split",
        split=settings.split,
        facts=facts,
        variants=[Variant(VIEWS[v], p, scores) for (v, p), scores in scored.variants.items()],
        mistakes=scored.mistakes,
        left_out=[(name.replace("_", " "), count) for name, count in measured.left_out.items()],
        notes=_notes(measured),
        agreement=scored.agreement,
        gains=gains,
    )


def _notes(measured: Measured) -> list[str]:
    matched, counts = measured.matched, measured.left_out
    notes = []
    if matched.differing:
        notes.append("Measured by force: the pictures were prepared otherwise. " + "; ".join(matched.differing) + ".")
    if matched.labels.only_in_shards:
        notes.append(
            f"Left out, as the bundle does not know them: {', '.join(matched.labels.only_in_shards)} "
            f"({counts['class_unknown_to_bundle']:,} pictures)."
        )
    if matched.labels.only_in_bundle:
        notes.append(
            f"The bundle was kept from answering {', '.join(matched.labels.only_in_bundle)}, "
            "which these shards do not have: its other probabilities were scaled to sum to 1."
        )
    trained_on = matched.bundle.card.data.get("checksum")
    if counts["also_in_train"] and trained_on == matched.manifest.checksum:
        notes.append(
            f"{counts['also_in_train']:,} of these pictures are also in the train split the bundle learnt from."
        )
    return notes
