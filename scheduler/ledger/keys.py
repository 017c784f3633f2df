"""API keys: `dw_<env>_<key id>_<secret>`, kept as an id in clear and a keyed hash of the secret.

The secret is 256 random bits, so a fast keyed hash is enough: slow hashing is for what people choose. Its
last six characters are a checksum: leaked keys can be recognised, and what was mistyped is refused without a
query.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import zlib
from collections.abc import Collection

import msgspec

from scheduler.domain.time import Ms
from scheduler.errors import NotFound, Refused
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime, to_datetime_or_none, to_ms_or_none
from scheduler.ledger.pages import ONE, Slice
from scheduler.public_ids import ALPHABET

SCOPES = ("read", "leads:write", "cadences:write", "calls:write", "compliance:write", "admin")
ENVIRONMENTS = ("live", "test")

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_CHARACTERS = 12
_SECRET_CHARACTERS = 43
_CHECKSUM_CHARACTERS = 6


class ParsedKey(msgspec.Struct, frozen=True):
    """A key as it was sent, well formed; whether it is one of ours only the ledger knows."""

    environment: str
    key_id: str
    secret: str

    def __repr__(self) -> str:
        return f"ParsedKey({self.environment}, {self.key_id})"


class StoredKey(msgspec.Struct, frozen=True):
    """A key in the ledger with what its account may do. `secret_hash` is `hash_secret` of the secret;
    `operator`: whether it manages the others."""

    key_id: str
    account_id: int
    environment: str
    secret_hash: bytes
    scopes: frozenset[str]
    expires_at_ms: Ms | None
    revoked: bool
    simulated: bool
    operator: bool = False
    suspended: bool = False


def parse_key(text: str) -> ParsedKey | None:
    """The parts of a well-formed key, or None."""
    parts = text.split("_")
    if len(parts) != 4 or not text.isascii():
        return None
    mark, environment, key_id, rest = parts
    if mark != "dw" or environment not in ENVIRONMENTS or len(key_id) != _ID_CHARACTERS:
        return None
    if len(rest) != _SECRET_CHARACTERS + _CHECKSUM_CHARACTERS:
        return None
    secret, checksum = rest[:_SECRET_CHARACTERS], rest[_SECRET_CHARACTERS:]
    if checksum != _checksum(environment, key_id, secret):
        return None
    return ParsedKey(environment, key_id, secret)


def pepper_of(id_key: bytes) -> bytes:
    """The key of the secrets' hashes, derived from the installation's."""
    return hashlib.blake2b(b"api keys", digest_size=32, key=id_key).digest()


def hash_secret(pepper: bytes, secret: str) -> bytes:
    return hmac.digest(pepper, secret.encode(), "sha256")


async def create_key(
    database: Database,
    account_id: int,
    name: str,
    environment: str,
    scopes: Collection[str],
    now_ms: Ms,
) -> str:
    """Make a key and answer it: the only time its secret is seen.

    Raises NotFound without the account or the installation; Refused (`state-conflict`) for a test key of an
    account that reaches real phones; ValueError for a scope or an environment that does not exist.
    """
    facts = await database.fetch_row("key_account", account_id)
    if facts is None:
        raise NotFound("no such account", "or this installation was never started", "check the account's id")
    _, token = await issue_key(
        database,
        account_id=account_id,
        id_key=facts["id_key"],
        simulated=facts["simulated"],
        name=name,
        environment=environment,
        scopes=scopes,
        expires_at_ms=None,
        created_by="cli",
        now_ms=now_ms,
    )
    return token


async def issue_key(
    database: Database,
    *,
    account_id: int,
    id_key: bytes,
    simulated: bool,
    name: str,
    environment: str,
    scopes: Collection[str],
    expires_at_ms: Ms | None,
    created_by: str,
    now_ms: Ms,
    on: Connection | None = None,
) -> tuple[int, str]:
    """Make a key; answers its number and the key itself, which is never seen again.

    `id_key`: the installation's. `simulated`: whether the account reaches only the simulated provider. Raises
    Refused (`state-conflict`) and ValueError as `create_key`.
    """
    if environment not in ENVIRONMENTS or not scopes or not set(scopes) <= set(SCOPES):
        raise ValueError("unknown environment or scope")
    if environment == "test" and not simulated:
        raise Refused(
            "state-conflict",
            "a test key cannot belong to this account",
            "test keys reach only accounts on the simulated provider",
            "make a live key",
        )
    key_id = "".join(secrets.choice(ALPHABET) for _ in range(_ID_CHARACTERS))
    secret = _base62(int.from_bytes(secrets.token_bytes(32), "big"), _SECRET_CHARACTERS)
    row = await database.fetch_row(
        "key_create",
        key_id,
        account_id,
        name,
        environment,
        hash_secret(pepper_of(id_key), secret),
        sorted(set(scopes)),
        to_datetime(now_ms),
        to_datetime_or_none(expires_at_ms),
        created_by,
        on=on,
    )
    assert row is not None
    return row["number"], f"dw_{environment}_{key_id}_{secret}{_checksum(environment, key_id, secret)}"


async def find_key(database: Database, key_id: str) -> StoredKey | None:
    """The key as the ledger has it now."""
    row = await database.fetch_row("key_find", key_id)
    if row is None:
        return None
    return StoredKey(
        row["key_id"],
        row["account_id"],
        row["environment"],
        row["secret_hash"],
        frozenset(row["scopes"]),
        to_ms_or_none(row["expires_at"]),
        row["revoked"],
        row["simulated"],
        row["operator"],
        row["suspended"],
    )


async def key_used(database: Database, key_id: str, now_ms: Ms) -> None:
    """Remember, to the minute, when a key was last used."""
    await database.execute("key_used", key_id, to_datetime(now_ms))


async def revoke_key(
    database: Database, account_id: int, key_id: str, now_ms: Ms, on: Connection | None = None
) -> bool:
    """Whether there was such a key; every process refuses it within five seconds."""
    row = await database.fetch_row("key_revoke", account_id, key_id, to_datetime(now_ms), on=on)
    return row is not None


async def lock_keys(database: Database, account_id: int, number: int, now_ms: Ms, on: Connection) -> int:
    """Hold other changes of the account's keys back; answers how many keys beside this one may do
    everything."""
    await database.execute("key_lock", account_id, on=on)
    row = await database.fetch_row("key_admins", account_id, number, to_datetime(now_ms), on=on)
    assert row is not None
    return int(row["admins"])


async def keys_page(database: Database, account_id: int, asked: Slice) -> list[Row]:
    return await database.fetch("key_page", account_id, None, *asked.values)


async def key_row(database: Database, account_id: int, number: int, on: Connection | None = None) -> Row:
    """Raises NotFound."""
    row = await database.fetch_row("key_page", account_id, [number], *ONE.values, on=on)
    if row is None:
        raise NotFound("no such key")
    return row


async def change_key(
    database: Database,
    on: Connection,
    account_id: int,
    number: int,
    *,
    name: str,
    scopes: Collection[str],
    expires_at_ms: Ms | None,
    now_ms: Ms,
) -> None:
    """Raises Refused (`state-conflict`) for a key that was revoked."""
    ends_at = to_datetime_or_none(expires_at_ms)
    values = (account_id, number, name, sorted(set(scopes)), ends_at, to_datetime(now_ms))
    if await database.fetch_row("key_change", *values, on=on) is None:
        raise Refused("state-conflict", "the key was revoked", do="make a new one")


def _checksum(environment: str, key_id: str, secret: str) -> str:
    return _base62(zlib.crc32(f"dw_{environment}_{key_id}_{secret}".encode()), _CHECKSUM_CHARACTERS)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))
