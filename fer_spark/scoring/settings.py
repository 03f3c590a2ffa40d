"""What a user can choose about scoring. Flags, defaults and help texts are read from these fields."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from fer_spark.scoring.choice import FORMS, Wish, wishes

FORMATS = ("parquet", "json", "delta", "iceberg")


def _help(text: str, **extra: object) -> dict[str, object]:
    return {"help": text, **extra}


@dataclass(frozen=True)
class ScoreSettings:
    """Flags of `fer-spark score`."""

    bundle: str = field(default="", metadata=_help("a bundle's directory, or the name of a shipped one: fer2013"))
    output: str = field(
        default="", metadata=_help("directory, any path that Spark can write; for iceberg a table", metavar="URI")
    )
    faces: str = field(
        default="largest", metadata=_help("which faces of a picture to score", choices=("largest", "all"))
    )
    detector: str = field(
        default="",
        metadata=_help(
            "how faces are found, where not as the bundle's card says",
            choices=("", "auto", "yunet", "haar", "source", "none"),
        ),
    )
    detector_model: str = field(
        default="", metadata=_help("YuNet's .onnx file; else looked for in $FER_SPARK_MODELS and the user's cache")
    )
    format: str = field(default="parquet", metadata=_help("of the output", choices=FORMATS))
    overwrite: bool = field(default=False, metadata=_help("replace the scores that are there, once new ones are whole"))
    abstain_below: float = field(default=0.0, metadata=_help("faces of less confidence are marked as abstained, 0-1"))
    salt: str = field(
        default="",
        metadata=_help("replace ids and paths by hashes that only this secret text gives; @FILE reads it from a file"),
    )
    keep_crop: bool = field(default=False, metadata=_help("add each face as the network saw it (PNG)"))
    device: str = field(
        default="auto",
        metadata=_help(
            "gpu: the one that Spark gives each task; auto: that where Spark gives any", choices=("auto", "cpu", "gpu")
        ),
    )
    bf16: bool = field(default=False, metadata=_help("compute in bfloat16: faster, exact to about 0.01"))
    max_bad_fraction: float = field(
        default=1.0,
        metadata=_help("exit with code 3, publishing nothing unless incremental, if more pictures than this are bad"),
    )
    drift_threshold: float = field(
        default=0.2, metadata=_help("population stability index above which the summary flags drift")
    )
    incremental: bool = field(default=False, metadata=_help("score only what the ledger at --checkpoint does not know"))
    trigger: str = field(
        default="ledger",
        metadata=_help(
            "how an incremental run finds what is new. ledger: by path, length, age and bytes; stream: by Spark's "
            "Structured Streaming (AvailableNow), which does not see a file that is replaced under its name",
            choices=("ledger", "stream"),
        ),
    )
    checkpoint: str = field(
        default="", metadata=_help("directory of the ledger and the lease; for iceberg also of the summary")
    )
    chunk_images: int = field(
        default=20_000, metadata=_help("pictures between two commits of an incremental run; a kill loses at most these")
    )
    lease_s: float = field(
        default=300.0, metadata=_help("seconds without a heartbeat after which another run takes over")
    )

    explain: tuple[str, ...] = field(
        default=(),
        metadata=_help(
            f"why, by LIME, for some of the faces that this run scores: {FORMS} on the output's columns; repeat for "
            "several. With --incremental the N are of each commit. Written below OUTPUT/_explanations",
            metavar="WHICH",
        ),
    )

    @property
    def wishes(self) -> tuple[Wish, ...]:
        """What --explain asks for. Raises ValueError."""
        return wishes(self.explain)

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        for name in ("bundle", "output"):
            if not getattr(self, name):
                raise ValueError(f"--{name} is missing")
        if self.incremental and not self.checkpoint:
            raise ValueError("--incremental needs --checkpoint URI: where the ledger is kept")
        if self.trigger != "ledger" and not self.incremental:
            raise ValueError(f"--trigger {self.trigger} goes with --incremental --checkpoint URI")
        _ = self.wishes
        if self.checkpoint and not (self.incremental or self.format == "iceberg"):
            raise ValueError("--checkpoint goes with --incremental")
        if self.format == "iceberg" and not self.checkpoint:
            raise ValueError("--format iceberg needs --checkpoint URI: a table has no place for summary and staging")
        if self.incremental and self.overwrite:
            raise ValueError("--overwrite does not go with --incremental; for a new start take a new --checkpoint")
        for name in ("abstain_below", "max_bad_fraction"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"--{name.replace('_', '-')}: {getattr(self, name)} is not between 0 and 1")
        if self.chunk_images < 1 or not (math.isfinite(self.lease_s) and self.lease_s >= 1):
            raise ValueError("--chunk-images and --lease-s must be 1 or more")
        if not self.drift_threshold > 0:
            raise ValueError(f"--drift-threshold: {self.drift_threshold}, expected more than 0")

    @property
    def secret(self) -> str:
        """The salt itself. Raises ValueError where its file cannot be read or is empty."""
        if not self.salt.startswith("@"):
            return self.salt
        try:
            text = Path(self.salt[1:]).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"--salt {self.salt}: {error}") from error
        if not text:
            raise ValueError(f"--salt {self.salt}: the file is empty")
        return text
