"""The tables that pass between stages. A column's name, type and meaning are declared here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

_ARROW_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "binary": pa.binary(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "array<int>": pa.list_(pa.int32()),
    "array<float>": pa.list_(pa.float32()),
    "array<double>": pa.list_(pa.float64()),
    "boolean": pa.bool_(),
    "array<string>": pa.list_(pa.string()),
    "map<string,float>": pa.map_(pa.string(), pa.float32()),
}


@dataclass(frozen=True)
class Column:
    """One column: its name, its Spark SQL type and what it means (unit, range, when it is null)."""

    name: str
    sql_type: str
    doc: str

    @property
    def arrow_type(self) -> pa.DataType:
        return _ARROW_TYPES[self.sql_type]


@dataclass(frozen=True)
class Table:
    """Columns in order; the same declaration gives the Spark and the Arrow schema."""

    name: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def arrow_schema(self) -> pa.Schema:
        return pa.schema([pa.field(column.name, column.arrow_type) for column in self.columns])

    @property
    def ddl(self) -> str:
        return ", ".join(f"`{column.name}` {column.sql_type}" for column in self.columns)

    @property
    def spark_schema(self) -> StructType:
        from pyspark.sql.types import StructType

        schema = StructType.fromDDL(self.ddl)
        assert isinstance(schema, StructType)
        return schema

    def with_columns(self, name: str, *columns: Column) -> Table:
        return Table(name, self.columns + columns)


_SOURCE = (
    Column(
        "source_path", "string", "path relative to the input root; `table.csv#17` for row 17 of a table, `a.tar#b.jpg`"
    ),
    Column("source_row", "bigint", "0-based row of the annotation table that named this picture; null without one"),
)
_ANNOTATION = (
    Column("label", "string", "canonical label name (fer_spark.labels); null where there is none"),
    Column("label_raw", "string", "the label as the source spells it"),
    Column("label_probs", "array<float>", "soft label, in the order of the taxonomy's names; null without one"),
    Column("valence", "float", "[-1, 1], unpleasant to pleasant; null where unknown"),
    Column("arousal", "float", "[-1, 1], calm to excited; null where unknown"),
    Column("split", "string", "train, val or test; in RAW_IMAGE null unless the source states it"),
    Column("group_id", "string", "person or user, so that splits do not share one; null where unknown"),
)
_BOX = (
    Column("box_left", "float", "face box in the upright full-size picture, px; may be partly outside"),
    Column("box_top", "float", "px"),
    Column("box_width", "float", "px"),
    Column("box_height", "float", "px"),
    Column("landmarks", "array<float>", "x0, y0, x1, y1 … in px of the upright full-size picture"),
)

RAW_IMAGE = Table(
    "RAW_IMAGE",
    (
        *_SOURCE,
        Column("content", "binary", "encoded bytes; null when reject_reason is set"),
        Column(
            "encoding",
            "string",
            "what content is. `file`: a picture file; `path`: the path of one; `pixels`: gray values as decimal text; "
            "else as fer_spark.pixels.raw writes it",
        ),
        *_ANNOTATION,
        *_BOX,
        Column("box_is_share", "boolean", "box and landmarks are shares of the picture's width and height, not px"),
        Column(
            "reject_reason", "string", "set by a source that cannot offer this picture: it goes to quarantine as is"
        ),
        Column("reject_detail", "string", "what exactly was wrong, and the likely remedy"),
    ),
)
"""One row per input picture (or per annotation row). Every source yields exactly this."""

PICTURE = Table(
    "PICTURE",
    (
        Column("path", "string", "the picture below its root"),
        Column("content", "binary", "as in RAW_IMAGE"),
        Column("reject_reason", "string", "as in RAW_IMAGE"),
        Column("reject_detail", "string", "as in RAW_IMAGE"),
    ),
)
"""Picture files as a source finds them, before its annotations are joined."""

ANNOTATION = Table(
    "ANNOTATION",
    (
        Column("path", "string", "the picture as the source names it; `table.csv#17` where a row names none"),
        Column("split", "string", "train, val or test; null where the source states none, or one that is unknown"),
        Column("split_raw", "string", "the split as the source spells it"),
        Column("label_raw", "string", "the label as the source spells it"),
        Column("label", "string", "the name it stands for, also none, uncertain and no_face; null for an unknown one"),
        Column("valence", "double", "as stated: -2 and NaN stay; null where there is no number"),
        Column("arousal", "double", "as valence"),
        Column("not_number", "string", "text that stands where valence or arousal belongs; null if all is well"),
    ),
)
"""One row per row of the source's table, or per listed picture where there is no table."""

FACE = Table(
    "FACE",
    (
        Column("face_id", "string", "32 hex digits of SHA-256 over image_id, source_path, source_row and face_index"),
        Column("image_id", "string", "32 hex digits of SHA-256 over the picture's bytes"),
        *_SOURCE,
        *_ANNOTATION,
        Column("face_index", "int", "0 for the largest face of its picture, then by falling area"),
        Column("face_count", "int", "faces kept from this picture"),
        *_BOX,
        Column(
            "detector", "string", "its name, e.g. yunet; source: the row's own box; none: the whole picture is the face"
        ),
        Column("detector_score", "float", "[0, 1]; null where the detector gives none"),
        Column(
            "angle_deg",
            "float",
            "rotation applied to bring the eyes level, 0 without alignment; near 90, -90 or 180 where --try-turned "
            "found the face on its side or head",
        ),
        Column("image_width", "int", "px, upright full-size picture"),
        Column("image_height", "int", "px, upright full-size picture"),
        Column("image_channels", "int", "1 gray, 3 colour"),
        Column("image_format", "string", "jpeg, png, heif, tiff … as the bytes say, or pixels"),
        Column("content_bytes", "bigint", "size of the encoded picture"),
        Column("face_px", "float", "geometric mean side of the face box in the full-size picture, px"),
        Column("sharpness", "float", "variance of the Laplacian of the face at 48 px gray; higher is sharper"),
        Column("brightness", "float", "[0, 1], mean gray of the face"),
        Column("contrast", "float", "[0, 1], standard deviation of the face's gray"),
        Column(
            "pixel_hash", "string", "32 hex digits over size and pixels as decoded; compares within one set of settings"
        ),
        Column("perceptual_hash", "bigint", "64-bit DCT hash of the decoded picture; near-copies differ in few bits"),
        Column("decodes", "int", "decodes this picture needs; on the row with face_index 0, else 0"),
    ),
)
"""One row per prepared face, without its pixels: `prepared_table` adds a pixel column per requested size."""

QUARANTINE = Table(
    "QUARANTINE",
    (
        Column("image_id", "string", "as in FACE; null where there were no bytes"),
        *_SOURCE,
        Column("label_raw", "string", "the label as the source spells it"),
        Column("split", "string", "as the source states it"),
        Column("content_bytes", "bigint", "size of the encoded picture; null where there were no bytes"),
        Column("reason", "string", "one of REASONS"),
        Column("detail", "string", "what exactly was wrong, and the likely remedy"),
    ),
)
"""One row per input picture that gave no row of the shards."""

REASONS: dict[str, str] = {
    "missing_file": "an annotation names a file that is not there, or it vanished before it was read",
    "unlisted": "a picture that no annotation names",
    "hidden_name": "the name is not valid UTF-8, or begins with `_` or `.` on storage that Spark alone reads",
    "empty": "no bytes",
    "too_large": "more bytes or pixels than the limit",
    "too_small": "shorter side under the limit",
    "unreadable": "not a picture of a known format, truncated or damaged",
    "no_face": "the detector found no face",
    "bad_label": "the label is not in the taxonomy",
    "bad_annotation": "the annotation row is malformed or contradicts another",
    "not_a_face": "the annotation says that this is no usable face",
    "no_expression": "annotators saw a face, but none of the expressions, or agreed on none",
    "over_class_limit": "beyond --max-per-class",
    "duplicate_leak": "the same or a nearly equal picture is in val or test",
}
"""Every reason for which a picture can be in quarantine, and what it means."""

NOT_BAD = frozenset({"unlisted", "over_class_limit", "duplicate_leak", "not_a_face", "no_expression"})
"""Reasons that the user requested, or the data set states; they do not count against --max-bad-fraction."""


def pixel_column(size_px: int, mode: str) -> str:
    """Name of the column that holds the pixels of one size, e.g. `image_48_gray`."""
    return f"image_{size_px}_{mode}"


def moments_column(pixel_column_name: str) -> str:
    """Name of the column from which the mean and deviation of a pixel column are summed up."""
    return f"{pixel_column_name}_moments"


def prepared_table(pixel_columns: list[str]) -> Table:
    """What preparing yields: FACE, `reason` and `detail` (set where a picture gave no face), and the pixel columns."""
    return FACE.with_columns(
        "PREPARED",
        Column("reason", "string", "null on a face; else why the picture gave none, and every pixel column is null"),
        Column("detail", "string", "as in QUARANTINE; on a face, why it is in doubt, else null"),
        *(Column(name, "binary", "pixels, encoded as the manifest's `images` says") for name in pixel_columns),
        *(
            Column(moments_column(name), "array<double>", "sum of each channel, then sum of squares; pixels 0-255")
            for name in pixel_columns
        ),
    )


EXPLANATION = Table(
    "EXPLANATION",
    (
        Column("face_id", "string", "as in FACE"),
        Column("image_id", "string", "as in FACE"),
        Column("source_path", "string", "as in FACE"),
        Column("label", "string", "as in FACE: what the data set says; null where it says nothing"),
        Column("status", "string", "ok, or unreadable: then everything after `detail` but the digests is null"),
        Column("detail", "string", "what was wrong with the pixels; null when ok"),
        Column("model_digest", "string", "names the weights and settings that probabilities depend on"),
        Column("preparation_digest", "string", "names the settings that pictures are prepared with"),
        Column("predicted", "string", "label of the highest probability"),
        Column("explained_label", "string", "the label that the weights speak for or against"),
        Column(
            "target",
            "string",
            "what of it they explain: probability; logodds, its natural log-odds; margin, the natural log of its ratio "
            "to rival_label's probability. Null, from older releases: probability",
        ),
        Column("rival_label", "string", "the runner-up on the whole face, where target is margin; else null"),
        Column("probability", "float", "[0, 1], of explained_label on the whole face"),
        Column("hidden_probability", "float", "[0, 1], of explained_label with every segment hidden"),
        Column("weights", "array<float>", "of each segment: what showing it adds to the target; may be negative"),
        Column("intercept", "float", "of the local model: its answer with every segment hidden"),
        Column(
            "segment_map",
            "binary",
            "segment of each pixel, rows from the top; uint8, or little-endian uint16 above 256 segments",
        ),
        Column("size_px", "int", "side of segment_map, px"),
        Column("segment_count", "int", "length of `weights`"),
        Column("segment_names", "array<string>", "of each segment, where the way of cutting names them; else null"),
        Column("segments", "string", "how the face was cut, one of explaining/superpixels.KINDS"),
        Column("hide", "string", "what hidden segments showed: gray, mean, blur, black"),
        Column("r2", "float", "R² of the local model on the masks it was fitted to; 0 where nothing changed"),
        Column(
            "r2_held_out",
            "float",
            "R² on a fifth of the masks, of a model fitted without them; may be negative; null where these are under 8",
        ),
        Column("explained", "boolean", "whether r2_held_out is there and reaches the threshold"),
        Column(
            "unexplained",
            "string",
            "why it is not: flat, no mask changes the answer; few_masks; saturated, half of the masks leave the "
            "probability within 0.01 of 0 or 1; interacting, segments count together more than one by one. Null where "
            "explained",
        ),
        Column("interacting", "array<int>", "the two segments that interact most, where that is why; else null"),
        Column("stability_overlap", "float", "[0, 1], Jaccard of the top segments of two halves of the masks"),
        Column("stability_rank", "float", "[-1, 1], rank correlation of the weights of two halves of the masks"),
        Column("samples", "int", "masks drawn"),
        Column("unique_samples", "int", "different masks, each scored once"),
        Column("seed", "bigint", "of the masks, together with face_id"),
        Column("deletion_auc", "float", "[0, 1], mean probability while hiding the heaviest first; lower is better"),
        Column("insertion_auc", "float", "[0, 1], mean probability while showing the heaviest first; higher is better"),
        Column("deletion_random", "float", "deletion_auc of random orders, mean of three"),
        Column("insertion_random", "float", "insertion_auc of random orders, mean of three"),
        Column("deletion_centre", "float", "deletion_auc from the picture's centre outwards"),
        Column("insertion_centre", "float", "insertion_auc from the picture's centre outwards"),
    ),
)
"""One row per explained face (LIME). The six AUC columns are null unless fidelity was requested."""


SCORE = Table(
    "SCORE",
    (
        Column("face_id", "string", "as in FACE; null where the picture gave no face. A hash of it with --salt"),
        Column("image_id", "string", "32 hex digits of SHA-256 over the picture's bytes; null where there were none"),
        *_SOURCE,
        Column("face_index", "int", "0 for the largest face of its picture, then by falling area"),
        Column("face_count", "int", "faces scored in this picture"),
        *_BOX,
        Column(
            "detector", "string", "its name, e.g. yunet; source: the row's own box; none: the whole picture is the face"
        ),
        Column("detector_score", "float", "[0, 1]; null where the detector gives none"),
        Column("angle_deg", "float", "as in FACE"),
        Column("image_width", "int", "px, upright full-size picture"),
        Column("image_height", "int", "px, upright full-size picture"),
        Column("face_px", "float", "geometric mean side of the face box in the full-size picture, px"),
        Column("sharpness", "float", "variance of the Laplacian of the face at 48 px gray; higher is sharper"),
        Column("brightness", "float", "[0, 1], mean gray of the face"),
        Column("contrast", "float", "[0, 1], standard deviation of the face's gray"),
        Column("label", "string", "the perceived expression: the label of the highest probability"),
        Column("confidence", "float", "[0, 1], the highest probability"),
        Column("probabilities", "map<string,float>", "of each of the bundle's labels, in its order; they sum to 1"),
        Column("margin", "float", "[0, 1], the highest probability less the second"),
        Column(
            "abstained",
            "boolean",
            "whether confidence is below --abstain-below, or the face is in doubt: see detail",
        ),
        Column("valence", "float", "[-1, 1]; null for a bundle without that output"),
        Column("arousal", "float", "[-1, 1]; null for a bundle without that output"),
        Column("given_label", "string", "the label that the source states; null without one"),
        Column(
            "status",
            "string",
            "ok; already_known: the same bytes are scored under this image_id; else one of REASONS: no face, no answer",
        ),
        Column("detail", "string", "what exactly was wrong or in doubt; null with --salt, as it may name a path"),
        Column("model_digest", "string", "names the weights and settings that probabilities depend on"),
        Column("preparation_digest", "string", "names the settings, and the detector, that faces are prepared with"),
        Column("crop", "binary", "PNG of the face as the model saw it; null without --keep-crop"),
        Column("batch", "int", "which commit of an incremental run wrote the row; 0 in a single run"),
    ),
)
"""One row per scored face, and one per picture that gave none."""


SEEN = Table(
    "SEEN",
    (
        Column("path", "string", "as source_path in RAW_IMAGE"),
        Column("row", "bigint", "as source_row in RAW_IMAGE"),
        Column("length", "bigint", "size of the file when it was listed; null where it may still have changed"),
        Column("modified_us", "bigint", "age of the file then, µs since 1970; null as length"),
        Column("image_id", "string", "as in SCORE; null where there were no bytes"),
    ),
)
"""What one commit of an incremental run accounts for, one row per picture. See scoring/ledger.py."""


LOOKED = Table(
    "LOOKED",
    (
        Column("kind", "string", "picture: one per input row; small: kept for a contact sheet; sums: of one task"),
        Column("path", "string", "as in RAW_IMAGE's source_path; null on sums"),
        Column("split", "string", '"" for none'),
        Column("label", "string", '"" for none'),
        Column("reason", "string", "why a picture was not measured, one of rows.REASONS; else null"),
        Column("image_id", "string", "hash of the picture's bytes"),
        Column("width", "int", "px, upright"),
        Column("height", "int", "px, upright"),
        Column("channels", "int", "1 gray, 3 colour, as the file says"),
        Column("format", "string", "jpeg, png …, pixels"),
        Column("bytes", "bigint", "size of the encoded picture"),
        Column("brightness", "float", "[0, 1], mean gray"),
        Column("contrast", "float", "[0, 1], standard deviation of gray"),
        Column("sharpness", "float", "variance of the Laplacian at 48 px"),
        Column("pixel_hash", "string", "equal for equal pixels"),
        Column("perceptual_hash", "bigint", "64 bits; near-copies differ in few"),
        Column("draw", "bigint", "seeded hash of the path: the least of each label are kept for contact sheets"),
        Column("content", "binary", "small: PNG; sums: little-endian int64 of MEAN_PX² pixel sums"),
        Column("pictures", "bigint", "sums: pictures added up"),
        Column("pixels", "bigint", "sums: values added up, a colour picture has three a pixel"),
        Column("total", "bigint", "sums: of all values, 0-255"),
        Column("squares", "bigint", "sums: of all values squared"),
    ),
)
"""What the pass yields. Sums are whole numbers, so that they do not depend on the order of addition."""
