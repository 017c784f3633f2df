"""Records of attempts as they are answered."""

from __future__ import annotations

import msgspec


class AttemptRecord(msgspec.Struct):
    """`record` is the proof: `attempt` with its instants and outcome, `place` (zones and regions that the
    lead may be in), `window` (the open time around the permit), `counters` (calls before it within each cap),
    `consent`, `why`, `person` (a keyed hash of the phone), `settings_sha256` (of `settings`, those of then).
    `hash`: the SHA-256, in hex, of the 32 bytes of `previous_hash` followed by `record`, which is JSON in
    UTF-8 with its keys in order and no spaces, as it is answered; so are `settings`. `number`: in the
    account's chain, from 1 without a hole; `revision`: one more where a result was put right. `intact`: it
    follows the one before, and the ledger still says the same. It never changes."""

    id: str
    object: str
    created_at: str
    updated_at: str
    attempt_id: str
    number: int
    revision: int
    previous_hash: str
    hash: str
    intact: bool
    record: msgspec.Raw
    settings: msgspec.Raw | None
