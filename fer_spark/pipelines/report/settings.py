"""What a user can choose about a page of scores and explanations. Flags, defaults and help texts are these fields."""

from __future__ import annotations

from dataclasses import dataclass

from fer_spark.settings import check, option

MOST_FACES = 500
"""In one part of the gallery: a page of more is slow to open, and nobody looks at it."""


@dataclass(frozen=True)
class ReportSettings:
    """Flags of `fer-spark report`."""

    scores: str = option("", "what fer-spark score wrote: the place of its _summary.json", metavar="URI", path=True)
    explanations: str = option(
        "", "what fer-spark explain wrote; else those that score --explain wrote", metavar="URI", path=True
    )
    shards: str = option(
        "", "where the faces' pixels are, if not in the scores and not where they were explained from", path=True
    )
    bundle: str = option(
        "", "the model's bundle, for the label mix it was trained on; else the one that scored", path=True
    )
    output: str = option(
        "", "the page to write, FILE.html, on any storage", metavar="URI", path=True, changes_result=False
    )
    overwrite: bool = option(False, "replace the page that is there", changes_result=False)
    title: str = option("", "the page's heading")
    where: str = option("", 'only these rows of the scores, e.g. "batch >= 12" or "face_px > 40"', metavar="SQL")
    gallery: int = option(24, "most faces in each part of the gallery; 0: no gallery", least=0, most=MOST_FACES)
    faces: bool = option(True, "put pictures of faces on the page: they are personal data")
    seed: int = option(0, "of the draw of faces for the gallery", least=-(2**63), most=2**63 - 1)

    def check(self) -> None:
        """Raise ValueError naming the first setting that is missing or cannot be."""
        check(self)
        if not self.scores and not self.explanations:
            raise ValueError("--scores or --explanations is missing; --help shows an example")
        if not self.output:
            raise ValueError("--output is missing: name the page to write, FILE.html")
        if not self.output.endswith((".html", ".htm")):
            raise ValueError(f"--output: {self.output} is no name of a page; it ends with .html")
        if self.where and not self.scores:
            raise ValueError("--where chooses among --scores, which is missing")
