"""What a user can choose about preparing faces. The same settings travel in the manifest and in a model's card."""

from __future__ import annotations

from dataclasses import dataclass, field

from fer_spark.pixels.stored import StoredPixels


def _help(text: str, **extra: object) -> dict[str, object]:
    return {"help": text, **extra}


@dataclass(frozen=True)
class FaceSettings:
    """Flags of every command that prepares faces; defaults and help texts are read from these fields.

    Pixels depend on all of them together, sizes included (they decide how finely a large photograph is decoded): to get
    the same pixels again, prepare with equal settings.
    """

    size: tuple[str, ...] = field(
        default=("48:gray",),
        metadata=_help("SIZE:MODE[:CODEC] to prepare; repeat for several, e.g. 48:gray and 256:rgb:png"),
    )
    detector: str = field(
        default="auto",
        metadata=_help(
            "how faces are found; auto: the source's own box, or nothing for pictures that are faces already, "
            "else YuNet where its model file is found, else OpenCV's Haar cascade",
            choices=("auto", "yunet", "haar", "source", "none"),
        ),
    )
    detector_model: str = field(
        default="", metadata=_help("YuNet's .onnx file; else looked for in $FER_SPARK_MODELS and the user's cache")
    )
    detector_score: float = field(default=0.6, metadata=_help("least YuNet score of a face, 0-1"))
    faces: str = field(
        default="largest", metadata=_help("which faces of a picture to keep", choices=("largest", "all"))
    )
    min_face_px: int = field(default=16, metadata=_help("smaller faces (shorter side in the picture) are not faces"))
    margin: float = field(default=0.1, metadata=_help("added on each side of the face box, as a fraction of its side"))
    align: str = field(
        default="eyes",
        metadata=_help("eyes: rotate until the eyes are level, where landmarks are known", choices=("eyes", "none")),
    )
    denoise: str = field(
        default="none",
        metadata=_help("noise reduction on the face", choices=("none", "median", "bilateral", "nlmeans")),
    )
    photometric: str = field(
        default="none", metadata=_help("brightness normalisation of the face", choices=("none", "equalize", "clahe"))
    )
    store: str = field(
        default="uint8",
        metadata=_help("uint8, or float32: raw little-endian floats in [0, 1]", choices=("uint8", "float32")),
    )
    max_megapixels: float = field(
        default=80.0, metadata=_help("pictures of more pixels are refused before they are decoded")
    )
    max_file_mb: float = field(default=256.0, metadata=_help("files of more MiB are refused before they are read"))

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        _ = self.specs
        if not -0.5 < self.margin <= 10:
            raise ValueError(f"--margin: {self.margin} is not above -0.5 (nothing is left of the face) and at most 10")
        if not 0 <= self.detector_score <= 1:
            raise ValueError(f"--detector-score: {self.detector_score} is not between 0 and 1")
        if self.min_face_px < 0:
            raise ValueError(f"--min-face-px: {self.min_face_px} is negative")
        if not self.max_megapixels > 0:
            raise ValueError(f"--max-megapixels: {self.max_megapixels} is not a positive number")
        if not 0 < self.max_file_mb < 2**40:
            raise ValueError(f"--max-file-mb: {self.max_file_mb} is not a positive number of MiB")

    @property
    def specs(self) -> tuple[StoredPixels, ...]:
        """The parsed sizes; raises ValueError for a bad or repeated one, or a codec that cannot hold float32."""
        specs = tuple(StoredPixels.parse(text, self.store) for text in self.size)
        if not specs:
            raise ValueError("size: name at least one, e.g. 48:gray")
        if len({spec.column for spec in specs}) < len(specs):
            raise ValueError(f"size: {', '.join(self.size)} names one column twice")
        return specs
