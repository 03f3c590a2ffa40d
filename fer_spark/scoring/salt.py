"""Ids and paths hidden behind a secret: equal texts stay equal, and nobody without the secret can test a guess."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

_DIGITS = 32


@dataclass(frozen=True)
class Salt:
    """HMAC-SHA256 with a secret, cut to 32 hex digits; an empty secret hides nothing."""

    secret: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.secret)

    def hide(self, text: str | None) -> str | None:
        """The text itself without a secret; null stays null."""
        if text is None or not self.secret:
            return text
        return hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()[:_DIGITS]

    @property
    def tag(self) -> str:
        """Tells secrets apart without giving them away; empty without one."""
        return (self.hide("fer_spark ledger") or "")[:8] if self.secret else ""

    def block(self, size: int) -> bytes:
        """The secret as HMAC pads it to the hash's block size (RFC 2104)."""
        key = self.secret.encode()
        return (hashlib.sha256(key).digest() if len(key) > size else key).ljust(size, b"\0")
