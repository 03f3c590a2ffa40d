"""What a user can choose about preparing faces. The same settings travel in the manifest and in a model's card."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fer_spark.rows import pixel_column
from fer_spark.settings import check, option

CODECS = ("raw", "jpeg", "png")
_SPEC = re.compile(r"(?P<size>\d+):(?P<mode>gray|rgb)(:(?P<codec>raw|jpeg|png)(?P<quality>\d+)?)?")


@dataclass(frozen=True)
class ImageSpec:
    """One output size, e.g. `48:gray`, `256:rgb:png`, `256:rgb:jpeg90`.

    raw is (size, size) or (size, size, 3) uint8 (float32 little-endian with --store float32) in C order; colour is RGB.
    """

    size_px: int
    mode: str
    codec: str
    quality: int = 95

    @classmethod
    def parse(cls, text: str) -> ImageSpec:
        """Read `SIZE:MODE[:CODEC]`; gray defaults to raw, rgb to jpeg95. Raises ValueError that shows the grammar."""
        match = _SPEC.fullmatch(text.strip())
        if match is None or not 8 <= int(match["size"]) <= 4096:
            raise ValueError(
                f"size {text!r}: expected SIZE:MODE[:CODEC], SIZE 8-4096, MODE gray|rgb, CODEC raw|png|jpeg[QUALITY]"
            )
        mode, codec = match["mode"], match["codec"]
        quality = int(match["quality"] or 95)
        if match["quality"] and (codec != "jpeg" or not 1 <= quality <= 100):
            raise ValueError(f"size {text!r}: a quality 1-100 goes with jpeg alone")
        return cls(int(match["size"]), mode, codec or ("raw" if mode == "gray" else "jpeg"), quality)

    @property
    def column(self) -> str:
        return pixel_column(self.size_px, self.mode)

    def __str__(self) -> str:
        return f"{self.size_px}:{self.mode}:{self.codec}{self.quality if self.codec == 'jpeg' else ''}"


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
        "auto",
        "how faces are found; auto: the source's own box, or nothing for pictures that are faces already, "
        "else YuNet where its model file is found, else OpenCV's Haar cascade",
        choices=("auto", "yunet", "haar", "source", "none"),
    )
    detector_model: str = option(
        "", "YuNet's .onnx file; else looked for in $FER_SPARK_MODELS and the user's cache", path=True
    )
    detector_score: float = option(0.6, "least YuNet score of a face", least=0, most=1)
    faces: str = option("largest", "which faces of a picture to keep", choices=("largest", "all"))
    min_face_px: int = option(16, "smaller faces (shorter side in the picture) are not faces", least=0)
    margin: float = option(0.1, "added on each side of the face box, as a fraction of its side", above=-0.5, most=10)
    align: str = option(
        "eyes", "eyes: rotate until the eyes are level, where landmarks are known", choices=("eyes", "none")
    )
    denoise: str = option("none", "noise reduction on the face", choices=("none", "median", "bilateral", "nlmeans"))
    photometric: str = option("none", "brightness normalisation of the face", choices=("none", "equalize", "clahe"))
    store: str = option("uint8", "uint8, or float32: raw little-endian floats in [0, 1]", choices=("uint8", "float32"))
    max_megapixels: float = option(80.0, "pictures of more pixels are refused before they are decoded", above=0)
    max_file_mb: float = option(256.0, "files of more MiB are refused before they are read", above=0, below=2**40)

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        check(self)
        _ = self.specs

    @property
    def specs(self) -> tuple[ImageSpec, ...]:
        """The parsed sizes; raises ValueError for a bad or repeated one, or a codec that cannot hold float32."""
        specs = tuple(ImageSpec.parse(text) for text in self.size)
        if not specs:
            raise ValueError("size: name at least one, e.g. 48:gray")
        if len({spec.column for spec in specs}) < len(specs):
            raise ValueError(f"size: {', '.join(self.size)} names one column twice")
        if self.store == "float32":
            explicit = [text for text in self.size if text.count(":") == 2 and not text.endswith(":raw")]
            if explicit:
                raise ValueError(
                    f"size {explicit[0]!r}: float32 is stored raw; leave the codec out or use --store uint8"
                )
            specs = tuple(ImageSpec(spec.size_px, spec.mode, "raw") for spec in specs)
        return specs
