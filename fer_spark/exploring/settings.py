"""What a user can choose about looking at pictures."""

from __future__ import annotations

from dataclasses import dataclass, field

PICTURES = ("auto", "none", "sample", "all")


@dataclass(frozen=True)
class PictureSettings:
    """Which pictures are opened, and what is made of them."""

    pictures: str = field(
        default="auto",
        metadata={
            "help": "which pictures to open. none: annotations alone; sample: about --sample-pictures, by a seeded "
            "hash; auto: all, or a sample above --all-up-to (of shards always all), or none where none can be found",
            "choices": PICTURES,
        },
    )
    sample_pictures: int = field(default=50_000, metadata={"help": "pictures of a sample, about"})
    all_up_to: int = field(default=200_000, metadata={"help": "with auto: more pictures than this are sampled"})
    near_bits: int = field(
        default=4,
        metadata={
            "help": "pictures whose 64-bit perceptual hashes differ in at most this many bits are near-copies; "
            "0: exact copies alone"
        },
    )
    sheet_faces: int = field(default=24, metadata={"help": "pictures on a label's contact sheet; 0: no sheets"})
    mean_faces: bool = field(default=True, metadata={"help": "draw the mean picture of each label"})
    seed: int = field(default=0, metadata={"help": "another seed draws another sample, and other contact sheets"})

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        if self.pictures not in PICTURES:
            raise ValueError(f"--pictures {self.pictures!r}: expected one of {', '.join(PICTURES)}")
        if self.sample_pictures < 1:
            raise ValueError(f"--sample-pictures: {self.sample_pictures} is not a positive number")
        if not 0 <= self.near_bits <= 16:
            raise ValueError(f"--near-bits: {self.near_bits} is not between 0 and 16")
        if not 0 <= self.sheet_faces <= 200:
            raise ValueError(f"--sheet-faces: {self.sheet_faces} is not between 0 and 200")
        if self.all_up_to < 0:
            raise ValueError(f"--all-up-to: {self.all_up_to} is negative")
