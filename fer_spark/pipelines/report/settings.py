"""What a user can choose about a page of scores and explanations. Flags, defaults and help texts are these fields."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ReportSettings:
    """Flags of `fer-spark report`."""

    scores: str = field(
        default="", metadata={"help": "what fer-spark score wrote: the place of its _summary.json", "metavar": "URI"}
    )
    explanations: str = field(
        default="",
        metadata={"help": "what fer-spark explain wrote; else those that score --explain wrote", "metavar": "URI"},
    )
    shards: str = field(
        default="",
        metadata={"help": "where the faces' pixels are, if not in the scores and not where they were explained from"},
    )
    bundle: str = field(
        default="",
        metadata={"help": "the model's bundle, for the label mix it was trained on; else the one that scored"},
    )
    output: str = field(default="", metadata={"help": "the page to write, FILE.html, on any storage", "metavar": "URI"})
    overwrite: bool = field(default=False, metadata={"help": "replace the page that is there"})
    title: str = field(default="", metadata={"help": "the page's heading"})
    where: str = field(
        default="",
        metadata={"help": 'only these rows of the scores, e.g. "batch >= 12" or "face_px > 40"', "metavar": "SQL"},
    )
    gallery: int = field(default=24, metadata={"help": "most faces in each part of the gallery; 0: no gallery"})
    faces: bool = field(default=True, metadata={"help": "put pictures of faces on the page: they are personal data"})
    seed: int = field(default=0, metadata={"help": "of the draw of faces for the gallery"})

    def check(self) -> None:
        """Raise ValueError naming the first setting that is missing or cannot be."""
        if not self.scores and not self.explanations:
            raise ValueError("--scores or --explanations is missing; --help shows an example")
        if not self.output:
            raise ValueError("--output is missing: name the page to write, FILE.html")
        if not self.output.endswith((".html", ".htm")):
            raise ValueError(f"--output: {self.output} is no name of a page; it ends with .html")
        if self.where and not self.scores:
            raise ValueError("--where chooses among --scores, which is missing")
        if not 0 <= self.gallery <= MOST_FACES:
            raise ValueError(f"--gallery: {self.gallery}, expected 0 to {MOST_FACES}")


MOST_FACES = 500
"""In one part of the gallery: a page of more is slow to open, and nobody looks at it."""
