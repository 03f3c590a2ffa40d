"""Names what a file that is no picture appears to be, for the quarantine table's detail."""

from __future__ import annotations

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive: unpack it first"),
    (b"\x1f\x8b", "a gzip file: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a zstd file: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
    (b"%PDF", "a PDF document"),
    (b"PAR1", "a Parquet file"),
    (b"8BPS", "a Photoshop file: export it as PNG"),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture: convert it to PNG or TIFF"),
    (b"%!PS", "a PostScript drawing: export it as PNG"),
    (b"\x00\x05\x16\x07", "what macOS keeps beside a file (AppleDouble), not the picture itself"),
    (b"OggS", "a sound or a video (Ogg)"),
    (b"FLV\x01", "a video (FLV)"),
    (b"\x00\x00\x01\xba", "a video (MPEG)"),
    (b"ID3", "a sound (MP3)"),
    (b"\x1aE\xdf\xa3", "a video (Matroska, WebM)"),
    (b"version https://git-lfs", "a Git LFS pointer, not the picture itself: run `git lfs pull`"),
)


def looks_like(content: bytes) -> str:
    """Say what the first bytes suggest, e.g. `an HTML page`; with a remedy where there is one."""
    for magic, name in _MAGIC:
        if content.startswith(magic):
            return name
    if content[4:8] == b"ftyp":
        return "a video (MP4, MOV)"
    if content[:4] == b"RIFF" and content[8:12] in (b"AVI ", b"WAVE"):
        return "a video (AVI)" if content[8:12] == b"AVI " else "a sound (WAV)"
    if not content.strip(b"\x00"):
        return "nothing but zero bytes (a copy that was cut off, or a sparse file)"
    return _text(content[:2048])


def _text(head: bytes) -> str:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start and start.startswith((b"<svg", b"<?xml", b"<!doctype svg", b"<!--")):
        return "an SVG drawing: it has no pixels, export it as PNG"
    if start.startswith((b"<!doctype html", b"<html")) or b"<html" in start or b"<body" in start:
        return "an HTML page (a download that failed?)"
    if start.startswith(b"<?xml"):
        return "an XML document"
    if start.startswith((b"{", b"[")):
        return "a JSON text"
    control = sum(byte < 9 or 13 < byte < 32 for byte in head)
    return "a text file" if control == 0 else f"no known format (first bytes {head[:8].hex(' ')})"
