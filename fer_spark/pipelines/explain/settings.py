"""What a user can choose about a run of explanations; how one face is explained is explaining/settings.py."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ExplainSettings:
    """Where from, where to, and which faces. `--where` and `--disagreements` choose first; the others among those."""

    bundle: str = field(default="", metadata={"help": "name of a shipped bundle, or a directory", "metavar": "BUNDLE"})
    shards: str = field(default="", metadata={"help": "directory of shards", "metavar": "URI"})
    split: str = field(default="val", metadata={"help": "which faces", "choices": ("train", "val", "test")})
    output: str = field(default="", metadata={"help": "directory to write to: a new or an empty one", "metavar": "URI"})
    image_column: str = field(
        default="", metadata={"help": "pixel column; empty: the one of the bundle's size and mode", "metavar": "NAME"}
    )
    where: str = field(
        default="",
        metadata={
            "help": "SQL condition on the shards' columns, and on predicted and confidence, e.g. "
            "\"label = 'fear' AND confidence < 0.5\"",
            "metavar": "SQL",
        },
    )
    disagreements: bool = field(default=False, metadata={"help": "only faces whose label is not the predicted one"})
    per_class: int = field(
        default=0, metadata={"help": "so many faces of each label, drawn by --seed; 0: no such draw"}
    )
    least_confident: int = field(
        default=0, metadata={"help": "the so many faces of least confidence; joins --per-class"}
    )
    limit: int = field(default=0, metadata={"help": "at most so many faces in all, drawn by --seed; 0: no limit"})
    overlays: int = field(
        default=0, metadata={"help": "PNG pictures with heat maps of so many faces, and mean maps per class"}
    )
    force: bool = field(
        default=False, metadata={"help": "explain although the pictures were prepared otherwise than the bundle's"}
    )
    device: str = field(
        default="auto",
        metadata={"help": "gpu: Spark must give one; auto: where it does", "choices": ("auto", "cpu", "gpu")},
    )
    bf16: bool = field(default=False, metadata={"help": "compute in bfloat16: faster, exact to about 0.01"})

    def check(self) -> None:
        """Raise ValueError naming the first setting that is missing or cannot be."""
        for name in ("bundle", "shards", "output"):
            if not getattr(self, name):
                raise ValueError(f"--{name} is missing; --help shows an example")
        for name in ("per_class", "least_confident", "limit", "overlays"):
            if getattr(self, name) < 0:
                raise ValueError(f"--{name.replace('_', '-')}: {getattr(self, name)} is negative")
        if self.overlays and "://" in self.output and not self.output.startswith("file://"):
            raise ValueError(f"--overlays: pictures are written to a local directory; --output is {self.output}")
