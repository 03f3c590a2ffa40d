"""What a user can choose about preparing faces. What it comes to travels in manifest and card as a Preparation."""

from __future__ import annotations

from dataclasses import dataclass

from fer_spark import members
from fer_spark.faces import detectors
from fer_spark.pixels.stored import StoredPixels
from fer_spark.settings import check, option

AUTO = "auto"
"""Not a detector: the choice is left to the source's pictures, and to what is installed."""
DETECTORS = (AUTO, *members.names(detectors))
"""What --detector takes."""
BY_FACES = -1
"""--min-face-px where it is not given: by --faces."""
_MIN_FACE_PX = {"largest": 16, "all": 24}


@dataclass(frozen=True)
class FaceSettings:
    """Flags of every command that prepares faces; defaults and help texts are read from these fields.

    Pixels depend on all of them together, sizes included (they decide how finely a large photograph is decoded): to get
    the same pixels again, prepare with equal settings.
    """

    size: tuple[str, ...] = option(
        ("48:gray",), "SIZE:MODE[:CODEC] to prepare; repeat for several, e.g. 48:gray and 256:rgb:png"
    )
    detector: str = option(
        AUTO,
        "how faces are found; auto: the source's own box, or nothing for pictures that are faces already (the source "
        "says so, or nearly all are one same square of at most 128 px), else YuNet where its model file is found, else "
        "OpenCV's Haar cascade",
        choices=DETECTORS,
    )
    detector_model: str = option(
        "", "YuNet's .onnx file; else looked for in $FER_SPARK_MODELS and the user's cache", path=True
    )
    detector_score: float = option(0.6, "least YuNet score of a face", least=0, most=1)
    faces: str = option("largest", "which faces of a picture to keep", choices=("largest", "all"))
    min_face_px: int = option(
        BY_FACES,
        "smaller faces (shorter side in the picture) are not faces; with --faces all, large pictures are searched for "
        "faces down to this size. -1: 16 for the largest face, 24 for all",
        least=BY_FACES,
    )
    try_turned: bool = option(
        False,
        "where upright shows no good face, look at the picture in its three other turns; angle_deg says which",
    )
    margin: float = option(0.1, "added on each side of the face box, as a fraction of its side", above=-0.5, most=10)
    align: str = option(
        "eyes", "eyes: rotate until the eyes are level, where landmarks are known", choices=("eyes", "none")
    )
    denoise: str = option("none", "noise reduction on the face", choices=("none", "median", "bilateral", "nlmeans"))
    photometric: str = option("none", "brightness normalisation of the face", choices=("none", "equalize", "clahe"))
    store: str = option("uint8", "uint8, or float32: raw little-endian floats in [0, 1]", choices=("uint8", "float32"))
    max_megapixels: float = option(
        80.0,
        "pictures of more pixels are refused before they are decoded; JPEG 2000, JPEG XL, HEIC, AVIF and HDR, which "
        "take more memory, at a third to two thirds of it",
        above=0,
    )
    max_file_mb: float = option(256.0, "files of more MiB are refused before they are read", above=0, below=2**40)

    def __post_init__(self) -> None:
        if self.min_face_px == BY_FACES:
            object.__setattr__(self, "min_face_px", _MIN_FACE_PX.get(self.faces, BY_FACES))

    @staticmethod
    def introduction() -> str:
        """What --help shows above these flags."""
        return members.introduction(detectors, "detectors, by --detector:")

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        check(self)
        _ = self.specs

    @property
    def specs(self) -> tuple[StoredPixels, ...]:
        """The parsed sizes; raises ValueError for a bad or repeated one, or a codec that cannot hold float32."""
        specs = tuple(StoredPixels.parse(text, self.store) for text in self.size)
        if not specs:
            raise ValueError("size: name at least one, e.g. 48:gray")
        if len({spec.column for spec in specs}) < len(specs):
            raise ValueError(f"size: {', '.join(self.size)} names one column twice")
        return specs
