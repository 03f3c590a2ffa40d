"""What settings classes of every stage share: how a field is spelled as a flag."""

from __future__ import annotations


def flag(field_name: str) -> str:
    """`batch_size` → `--batch-size`."""
    return "--" + field_name.replace("_", "-")
