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
    (b"\x00\x00\x01\x00", "an icon (ICO): export it as PNG"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture: convert it to JPEG or PNG"),
    (b"\xff\x0a", "a JPEG XL picture: convert it to JPEG or PNG"),
    (b"\x1aE\xdf\xa3", "a video (Matroska, WebM)"),
    (b"version https://git-lfs", "a Git LFS pointer, not the picture itself: run `git lfs pull`"),
)


def looks_like(content: bytes) -> str:
    """Say what the first bytes suggest, e.g. `an HTML page`; with a remedy where there is one."""
    for magic, name in _MAGIC:
        if content.startswith(magic):
            return name
    if content[4:8] == b"ftyp":
        return _iso_media(content[8:12])
    if not content.strip(b"\x00"):
        return "nothing but zero bytes (a copy that was cut off, or a sparse file)"
    return _text(content[:2048])


def _iso_media(brand: bytes) -> str:
    if brand in (b"heic", b"heix", b"mif1", b"heim", b"heis", b"hevc"):
        return "a HEIC picture: convert it to JPEG or PNG"
    if brand in (b"avif", b"avis"):
        return "an AVIF picture: convert it to JPEG or PNG"
    return "a video (MP4, MOV)"


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
