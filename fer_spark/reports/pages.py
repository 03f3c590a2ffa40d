"""What pages share: templates in which every text is escaped, figures as a reader expects them, pictures inside."""

from __future__ import annotations

import base64
import hashlib
import math

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment() -> Environment:
    """Jinja over fer_spark/reports/templates; a name that a template lacks is an error."""
    jinja = Environment(
        loader=PackageLoader("fer_spark.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters |= {"percent": percent, "number": number, "count": count}
    return jinja


def percent(share: float | None, digits: int = 1) -> str:
    """0.1234 → `12.3 %`; a dash where there is no figure."""
    return f"{100 * share:.{digits}f} %" if share is not None and math.isfinite(share) else "–"


def number(value: float | None, digits: int = 3) -> str:
    """A dash where there is no figure."""
    return f"{value:.{digits}f}" if value is not None and math.isfinite(value) else "–"


def count(value: int, of: str = "") -> str:
    """1234 → `1,234`; with `of`, what is counted in the singular: `1 face`, `1,234 faces`."""
    return f"{value:,} {of}{'s' * (value != 1)}" if of else f"{value:,}"


def data_uri(content: bytes, kind: str = "image/png") -> str:
    """A file as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def script_hash(script: str) -> str:
    """How a content security policy names the one script that may run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
