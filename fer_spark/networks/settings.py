"""What a user can choose about the network."""

from __future__ import annotations

from dataclasses import dataclass

from fer_spark import members
from fer_spark.networks import kinds
from fer_spark.settings import check, option

NETWORKS = members.names(kinds, "_")
STEM_STRIDES = (0, 1, 2, 4)
EXPORT_FORMATS = ("onnx", "torch-export")


@dataclass(frozen=True)
class NetworkSettings:
    """Flags of every command that builds a network; `check` says which of them do not go together."""

    network: str = option("resnet", "see above", choices=NETWORKS)
    widths: str = option("32-64-128-256", "resnet: channels of each stage", metavar="N-N-…")
    blocks: str = option("2-2-2-2", "resnet: blocks of each stage", metavar="N-N-…")
    stem_stride: int = option(
        0,
        "resnet: the first stage sees the picture at full size (1), half (2) or a quarter (4); "
        "0: 1 below 96 px, 2 below 192 px, else 4",
        choices=STEM_STRIDES,
    )
    squeeze_excite: bool = option(True, "resnet: squeeze-and-excitation gate in each block")
    stochastic_depth: float = option(
        0.0, "resnet: probability of dropping the last block of a row while training", least=0, below=1
    )
    dropout: float = option(-1.0, "dropout rate; negative: the network's own", below=1)
    va_head: bool = option(False, "also predict valence and arousal")
    upsample_px: int = option(
        0, "efficientnet: enlarge pictures to this side first; 0: to 224 where they are smaller", least=0
    )
    weights: str = option(
        "",
        "efficientnet: a .safetensors or .pth file with ImageNet weights, or 'imagenet' for the file in torchvision's "
        "cache (b0) or that of make weights (lite0); empty: start at random",
        metavar="FILE",
        path=True,
    )
    freeze: bool = option(False, "train the head alone")

    @staticmethod
    def introduction() -> str:
        """What --help shows above these flags."""
        return members.introduction(kinds, "networks, by --network:", "_")

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        check(self)
        if len(self.stage_widths) != len(self.stage_blocks):
            raise ValueError(f"--widths {self.widths} and --blocks {self.blocks} differ in the number of stages")
        if self.weights and not _has_weights(self.network):
            fit = " or ".join(filter(_has_weights, NETWORKS))
            raise ValueError(f"--weights: goes with --network {fit} alone, not {self.network}")

    @property
    def stage_widths(self) -> list[int]:
        return _numbers("--widths", self.widths)

    @property
    def stage_blocks(self) -> list[int]:
        return _numbers("--blocks", self.blocks)


def _has_weights(network: str) -> bool:
    return members.member(kinds, network).NETWORK.pretrained is not None


def _numbers(flag: str, text: str) -> list[int]:
    """`32-64` → [32, 64]; raises ValueError that shows the form."""
    words = text.split("-")
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        raise ValueError(f"{flag}: {text!r}, expected positive numbers joined by dashes, as in 32-64-128-256")
    return [int(word) for word in words]
