"""Until when a lead's consent holds, out of what was stored of it."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

import msgspec

from scheduler.domain.time import Ms


class _Consent(msgspec.Struct):
    expires_at: datetime | None = None


@lru_cache(maxsize=4096)
def expires_ms(consent: str | None) -> Ms | None:
    """When the consent of this JSON ends. None: it does not, or nothing was said that means an instant: a
    file may say anything."""
    if consent is None or '"expires_at"' not in consent:
        return None
    try:
        said = msgspec.json.decode(consent, type=_Consent).expires_at
    except msgspec.MsgspecError:
        return None
    return None if said is None or said.tzinfo is None else round(said.timestamp() * 1000)
