"""What the page of symptoms quotes is what the package prints."""

from __future__ import annotations

import ast
import re

from tests.check import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
OTHERS = {"No module named 'fer_spark'"}
"""Messages that Python prints."""
GAP = "…"
_ENOUGH = 12
"""Characters by which a module that may print a message is found without parsing it."""


def printed(text: str) -> list[str]:
    """Texts of a module, with a gap for each value that is filled in."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else GAP for part in node.values]
            found.append("".join(map(str, parts)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
    return found


def quoted(page: str) -> set[str]:
    """Messages of a page's first column: texts of several words."""
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ")]
    return {quote for cell in cells for quote in re.findall(r"`([^`]+ [^`]+)`", cell)}


def unknown(quotes: set[str], texts: list[str]) -> list[str]:
    """Quotes whose parts, between gaps, occur in no text in this order."""
    patterns = {
        quote: re.compile(".*".join(re.escape(part.strip()) for part in quote.split(GAP)), re.S) for quote in quotes
    }
    return sorted(quote for quote, pattern in patterns.items() if not any(map(pattern.search, texts)))


def test_every_message_is_one_of_the_package() -> None:
    quotes = quoted(PAGE) - OTHERS
    assert len(quotes) > 12
    beginnings = {quote[:_ENOUGH].partition(GAP)[0] for quote in quotes}
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "fer_spark").rglob("*.py"))
    texts = [text for source in sources if any(map(source.__contains__, beginnings)) for text in printed(source)]
    assert unknown(quotes, texts) == []


def test_a_message_that_nobody_prints_is_found() -> None:
    texts = printed('raise ValueError(f"the disk is full, {free} free; {remedy}")')
    assert unknown({"the disk is full, … free", "the disk is empty"}, texts) == ["the disk is empty"]
