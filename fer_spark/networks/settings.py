"""What a user can choose about the network."""

from __future__ import annotations

from dataclasses import dataclass, field

NETWORKS = ("resnet", "small_cnn", "deep_cnn", "vgg", "efficientnet_b0")
STEM_STRIDES = (0, 1, 2, 4)
EXPORT_FORMATS = ("onnx", "torch-export")


@dataclass(frozen=True)
class NetworkSettings:
    """Flags of every command that builds a network; `check` says which of them do not go together."""

    network: str = field(
        default="resnet",
        metadata={
            "help": "resnet: the default; small_cnn, deep_cnn: one and three convolutions; "
            "vgg: Khaireddin & Chen 2021; efficientnet_b0: torchvision's, for transfer learning",
            "choices": NETWORKS,
        },
    )
    widths: str = field(
        default="32-64-128-256", metadata={"help": "resnet: channels of each stage", "metavar": "N-N-…"}
    )
    blocks: str = field(default="2-2-2-2", metadata={"help": "resnet: blocks of each stage", "metavar": "N-N-…"})
    stem_stride: int = field(
        default=0,
        metadata={
            "help": "resnet: the first stage sees the picture at full size (1), half (2) or a quarter (4); "
            "0: 1 below 96 px, 2 below 192 px, else 4",
            "choices": STEM_STRIDES,
        },
    )
    squeeze_excite: bool = field(default=True, metadata={"help": "resnet: squeeze-and-excitation gate in each block"})
    stochastic_depth: float = field(
        default=0.0, metadata={"help": "resnet: probability of dropping the last block of a row while training, 0-1"}
    )
    dropout: float = field(default=-1.0, metadata={"help": "dropout rate, 0-1; negative: the network's own"})
    va_head: bool = field(default=False, metadata={"help": "also predict valence and arousal"})
    upsample_px: int = field(
        default=0,
        metadata={"help": "efficientnet_b0: enlarge pictures to this side first; 0: to 224 where they are smaller"},
    )
    weights: str = field(
        default="",
        metadata={
            "help": "efficientnet_b0: a .safetensors or .pth file with torchvision's ImageNet weights, or 'imagenet' "
            "for the file in torchvision's cache; empty: start at random",
            "metavar": "FILE",
        },
    )
    freeze: bool = field(default=False, metadata={"help": "train the head alone"})

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        if self.network not in NETWORKS:
            raise ValueError(f"--network: {self.network!r} is none of {', '.join(NETWORKS)}")
        if len(self.stage_widths) != len(self.stage_blocks):
            raise ValueError(f"--widths {self.widths} and --blocks {self.blocks} differ in the number of stages")
        if self.stem_stride not in STEM_STRIDES:
            raise ValueError(f"--stem-stride: {self.stem_stride} is none of 0, 1, 2, 4")
        if not self.dropout < 1:
            raise ValueError(f"--dropout: {self.dropout} is not below 1")
        if not 0 <= self.stochastic_depth < 1:
            raise ValueError(f"--stochastic-depth: {self.stochastic_depth} is not in 0-1 (1 excluded)")
        if self.upsample_px < 0:
            raise ValueError(f"--upsample-px: {self.upsample_px} is negative")
        if self.weights and self.network != "efficientnet_b0":
            raise ValueError(f"--weights: goes with --network efficientnet_b0 alone, not {self.network}")

    @property
    def stage_widths(self) -> list[int]:
        return _numbers("--widths", self.widths)

    @property
    def stage_blocks(self) -> list[int]:
        return _numbers("--blocks", self.blocks)


def _numbers(flag: str, text: str) -> list[int]:
    """`32-64` → [32, 64]; raises ValueError that shows the form."""
    words = text.split("-")
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        raise ValueError(f"{flag}: {text!r}, expected positive numbers joined by dashes, as in 32-64-128-256")
    return [int(word) for word in words]
