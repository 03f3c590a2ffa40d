"""What a user can choose about a run of explanations; how one face is explained is explaining/settings.py."""

from __future__ import annotations

from dataclasses import dataclass

from fer_spark.settings import check, option, require


@dataclass(frozen=True)
class ExplainSettings:
    """Where from, where to, and which faces. `--where` and `--disagreements` choose first; the others among those."""

    bundle: str = option("", "name of a shipped bundle, or a directory", metavar="BUNDLE", path=True)
    shards: str = option("", "directory of shards", metavar="URI", path=True)
    split: str = option("val", "which faces", choices=("train", "val", "test"))
    output: str = option(
        "", "directory to write to: a new or an empty one", metavar="URI", path=True, changes_result=False
    )
    image_column: str = option("", "pixel column; empty: the one of the bundle's size and mode", metavar="NAME")
    where: str = option(
        "",
        "SQL condition on the shards' columns, and on predicted and confidence, e.g. "
        "\"label = 'fear' AND confidence < 0.5\"",
        metavar="SQL",
    )
    disagreements: bool = option(False, "only faces whose label is not the predicted one")
    per_class: int = option(0, "so many faces of each label, drawn by --seed; 0: no such draw", least=0)
    least_confident: int = option(0, "the so many faces of least confidence; joins --per-class", least=0)
    limit: int = option(0, "at most so many faces in all, drawn by --seed; 0: no limit", least=0)
    overlays: int = option(0, "PNG pictures with heat maps of so many faces, and mean maps per class", least=0)
    force: bool = option(False, "explain although the pictures were prepared otherwise than the bundle's")
    device: str = option(
        "auto", "gpu: Spark must give one; auto: where it does", choices=("auto", "cpu", "gpu"), changes_result=False
    )
    bf16: bool = option(False, "compute in bfloat16: faster, exact to about 0.01")

    def check(self) -> None:
        """Raise ValueError naming the first setting that is missing or cannot be."""
        check(self)
        require(self, "bundle", "shards", "output")
