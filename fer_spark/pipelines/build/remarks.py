"""What build-shards says of the labels it wrote: what their numbers mean, their mix, and what training would lack."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from fer_spark.labels import NO_EXPRESSION
from fer_spark.shards.manifest import Manifest
from fer_spark.sources.numbering.meaning import Numbering
from fer_spark.sources.numbering.mix import mix_of
from fer_spark.sources.numbering.published import named


@dataclass(frozen=True)
class Remark:
    """`alarming`: the labels may be wrong."""

    text: str
    alarming: bool = False


def remarks(manifest: Manifest) -> list[Remark]:
    """In the order in which they are read; none for shards without a face."""
    if not manifest.counts.written_faces:
        return []
    counts = _counts(manifest)
    if not counts:
        return [Remark("No labels: these faces can be explored and scored, not trained on or evaluated.")]
    numberings = [Numbering.from_dict(source["numbering"]) for source in manifest.sources if "numbering" in source]
    shown = [str(numbering.of((*manifest.label_names, *NO_EXPRESSION))) for numbering in numberings]
    found = [Remark(f"Labels: {words}.") for words in dict.fromkeys(shown)]
    same = numberings and all(numbering.names == numberings[0].names for numbering in numberings)
    source = manifest.settings.get("source", {})
    known = named(source.get("source", ""), source.get("labels", ""))
    mix = mix_of(counts, numberings[0] if same else None, known)
    if mix is not None:
        found.append(Remark(f"{mix.line}."))
        found += [Remark(f"{mix.warning}.", alarming=True)] if mix.warning else []
    return found + _val(manifest)


def _counts(manifest: Manifest) -> dict[str, int]:
    """Faces by label over all splits, in the order of the classes; none that no face has."""
    total: Counter[str] = Counter()
    for counted in manifest.counts.per_label.values():
        total.update({label: count for label, count in counted.items() if label in manifest.label_names})
    return {name: total[name] for name in manifest.label_names if total[name]}


def _val(manifest: Manifest) -> list[Remark]:
    """Where it comes from, if the source does not state it; else how to come by one."""
    counts, settings = manifest.counts.per_split, manifest.settings.get("splits", {})
    found = [Remark(f"{source['val']}.") for source in manifest.sources[-1:] if "val" in source]
    if counts.get("val") or not counts.get("train"):
        return found
    remedy = "--val-from train (with --on-existing overwrite) draws one from train"
    if settings.get("split") == "none":
        remedy = "--val-from train in place of --split none (with --on-existing overwrite) draws one from train"
    elif settings.get("val_from") == "train":
        share, faces = settings.get("val_fraction", 0), counts["train"]
        remedy = f"the draw of {share:.0%} of {faces:,} faces met none of them; give a larger --val-fraction"
    return [*found, Remark(f"No val split, by which train chooses its epoch: {remedy}.")]
