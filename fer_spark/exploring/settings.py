"""What a user can choose about looking at pictures."""

from __future__ import annotations

from dataclasses import dataclass

from fer_spark.settings import check, option

PICTURES = ("auto", "none", "sample", "all")


@dataclass(frozen=True)
class PictureSettings:
    """Which pictures are opened, and what is drawn from them."""

    pictures: str = option(
        "auto",
        "which pictures to open. none: annotations alone; sample: about --sample-pictures, by a seeded "
        "hash; auto: all, or a sample above --all-up-to (of shards always all), or none where none can be found",
        choices=PICTURES,
    )
    sample_pictures: int = option(50_000, "pictures of a sample, about", least=1)
    all_up_to: int = option(200_000, "with auto: more pictures than this are sampled", least=0)
    near_bits: int = option(
        4,
        "pictures whose 64-bit perceptual hashes differ in at most this many bits are near-copies; "
        "0: exact copies alone",
        least=0,
        most=16,
    )
    sheet_faces: int = option(24, "pictures on a label's contact sheet; 0: no sheets", least=0, most=200)
    mean_faces: bool = option(True, "draw the mean picture of each label")
    seed: int = option(0, "another seed draws another sample, and other contact sheets", least=-(2**63), most=2**63 - 1)

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        check(self)
