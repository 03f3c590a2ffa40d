"""Why a picture gives no face. Each is raised for the picture alone and becomes one row of the quarantine table."""

from __future__ import annotations

from fer_spark.rows import REASONS


class RejectedPictureError(Exception):
    """A picture that gives no face: `reason` is one of rows.REASONS, `detail` says what exactly, and the remedy."""

    reason = "unreadable"

    def __init__(self, detail: str) -> None:
        super().__init__(f"{self.reason}: {detail}")
        self.detail = detail


class UnreadablePictureError(RejectedPictureError):
    """Not a picture of a known format, truncated or damaged."""

    reason = "unreadable"


class MissingPictureError(RejectedPictureError):
    """The file that was listed is no longer there, or may not be read."""

    reason = "missing_file"


class EmptyPictureError(RejectedPictureError):
    """No bytes."""

    reason = "empty"


class PictureTooLargeError(RejectedPictureError):
    """More bytes or pixels than the limit; known from the header, before anything is decoded."""

    reason = "too_large"


class PictureTooSmallError(RejectedPictureError):
    """A side, or the annotated face, is under the limit."""

    reason = "too_small"


class NoFaceFoundError(RejectedPictureError):
    """The detector found no face that is large enough."""

    reason = "no_face"


class BadAnnotationError(RejectedPictureError):
    """The row's box or landmarks cannot be."""

    reason = "bad_annotation"


_KINDS = (
    BadAnnotationError,
    UnreadablePictureError,
    MissingPictureError,
    EmptyPictureError,
    PictureTooLargeError,
    PictureTooSmallError,
    NoFaceFoundError,
)
assert all(kind.reason in REASONS for kind in _KINDS)
