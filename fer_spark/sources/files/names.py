"""Which files are no pictures by their names. The same pattern serves Python and Java."""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property

from fer_spark.sources.files.globs import last_part

PICTURE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff", ".mpo",
    ".heic", ".heics", ".heif", ".hif", ".avif", ".avifs", ".jxl", ".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx",
    ".pgm", ".ppm", ".pbm", ".pnm", ".pfm", ".pam", ".tga", ".icb", ".vda", ".vst", ".pcx", ".dcx", ".ico", ".cur",
    ".icns", ".qoi", ".sgi", ".rgb", ".rgba", ".bw", ".ras", ".sun", ".dds", ".psd", ".hdr", ".pic", ".fits", ".fit",
    ".xbm", ".xpm", ".im", ".msp", ".pcd", ".blp",
)  # fmt: skip
"""Of names that Spark passes over, those of pictures."""

_ENDINGS = (
    # tables, texts, documents
    "csv|tsv|txt|md|rst|json|jsonl|ndjson|parquet|arrow|feather|npy|npz|mat|h5|hdf5|pkl|pickle|pt|pth|onnx|lst|cls|xml|"
    "yaml|yml|toml|ini|cfg|conf|log|html|htm|css|js|py|ipynb|sh|bat|ps1|bib|tex|pdf|doc|docx|xls|xlsx|ppt|pptx|rtf|odt|"
    "sql|db|sqlite|md5|sha1|sha256|crc|url|lnk|webloc|torrent|"
    # archives
    "zip|7z|rar|tar|gz|tgz|bz2|tbz|tbz2|xz|txz|zst|"
    # what cameras, phones and photo programs keep beside a picture
    "xmp|aae|thm|lrv|lrf|pp3|dop|cos|on1|nksc|arp|gpx|srt|vtt|"
    # videos and sounds
    "mov|mp4|m4v|avi|mkv|webm|3gp|3g2|mts|m2ts|mpg|mpeg|wmv|flv|ogv|insv|mp3|wav|m4a|aac|flac|ogg|opus|wma|amr"
)
_FOLDERS = (
    r"@eaDir|\.@__thumb|#recycle|@Recycle|\$RECYCLE\.BIN|System Volume Information|__MACOSX|\.AppleDouble|"
    r"\.Trash(?:es|-\d+)?|\.Spotlight-V100|\.fseventsd|\.TemporaryItems|\.DocumentRevisions-V100|\.thumbnails|\.thumbs?|"
    r"\.dtrash|\.ipynb_checkpoints|\.git|\.svn|\.hg|_temporary|_delta_log|_spark_metadata"
)
_NAMES = (
    r"Thumbs\.db|ehthumbs\.db|desktop\.ini|\.DS_Store|_SUCCESS|_manifest\.json|\._[^/]*|"
    r"README|LICEN[CS]E|COPYING|NOTICE|AUTHORS|CHANGELOG|Makefile|SHA256SUMS|MD5SUMS"
)
_MOST_KINDS = 8


class PictureNames:
    """`wanted`: globs in which the user names endings; what they name is read whatever it is."""

    def __init__(self, *globs: str) -> None:
        self._named = {word.lower() for text in globs for word in re.findall(r"[A-Za-z0-9]+", last_part(text))}

    def names_ending_of(self, path: str) -> bool:
        """Whether the user names its ending."""
        return path.rpartition(".")[2].lower() in self._named

    @cached_property
    def pattern(self) -> str:
        """Of relative paths that are no pictures'; three groups: a folder, a whole name, an ending."""
        endings = "|".join(ending for ending in _ENDINGS.split("|") if ending not in self._named)
        return rf"(?i)(?:^|/)({_FOLDERS})/|(?:^|/)({_NAMES})$|\.({endings})$"

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.ASCII)  # as Java compares letters

    def why_none(self, path: str) -> str | None:
        """What says that a file is no picture: `.json`, `Thumbs.db`, `in @eaDir`; None for one that may be."""
        found = self._compiled.search(path)
        if found is None:
            return None
        if found[1]:
            return f"in {found[1]}"
        if found[2]:
            return "._*" if found[2].startswith("._") else found[2]
        return f".{found[3].lower()}"


def is_picture_name(path: str) -> bool:
    return path.lower().endswith(PICTURE_SUFFIXES)


def passed_over_line(counts: Counter[str]) -> list[str]:
    """One line for the user, or none."""
    total = sum(counts.values())
    if not total:
        return []
    kinds = [f"{count:,} {kind}" for kind, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    more = f" and {len(kinds) - _MOST_KINDS} other kinds" if len(kinds) > _MOST_KINDS else ""
    what = "file, not a picture by its name" if total == 1 else "files, not pictures by their names"
    return [f"passed over {total:,} {what}: {', '.join(kinds[:_MOST_KINDS])}{more}"]
