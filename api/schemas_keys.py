"""API keys, accounts as their operator manages them, and the audit log, as they are sent and answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from api.requests import ListQuery
from api.schemas_account import Account, Name

Scope = Literal["read", "leads:write", "cadences:write", "calls:write", "compliance:write", "admin"]
Scopes = Annotated[list[Scope], Meta(min_length=1, max_length=6)]
Instant = Annotated[datetime, Meta(tz=True)]


class KeyIn(msgspec.Struct, forbid_unknown_fields=True):
    """`environment`: `test` keys reach only accounts on the simulated provider."""

    name: Name
    scopes: Scopes
    environment: Literal["live", "test"] = "test"
    expires_at: Instant | None = None


class KeyChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays; `expires_at` null: it does not end by itself."""

    name: Name | UnsetType = UNSET
    scopes: Scopes | UnsetType = UNSET
    expires_at: Instant | UnsetType | None = UNSET


class RotateIn(msgspec.Struct, forbid_unknown_fields=True):
    """The old key holds so long beside the new one."""

    grace_s: Annotated[int, Meta(ge=0, le=2_592_000)] = 86_400


class Key(msgspec.Struct):
    """`prefix`: how the key begins, to tell it by; `last_used_at`, to the minute, is no change of it."""

    CHANGES_BY_ITSELF: ClassVar = ("last_used_at",)

    id: str
    object: str
    created_at: str
    updated_at: str
    name: str
    prefix: str
    environment: str
    scopes: list[str]
    created_by: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None


class NewKey(Key):
    """`secret`: the whole key, shown this once; null when the answer is a repeated one."""

    secret: str | None


class AccountIn(msgspec.Struct, forbid_unknown_fields=True):
    name: Name
    timezone: Annotated[str, Meta(min_length=1, max_length=64)] = "America/New_York"


class AccountManage(msgspec.Struct, forbid_unknown_fields=True):
    """`suspended`: its keys are refused, its dialing is stopped; lifted, its own people resume it. `live`:
    whether its calls go to the real provider and not to the simulator; only keys of its kind hold then."""

    name: Name | UnsetType = UNSET
    suspended: bool | UnsetType = UNSET
    live: bool | UnsetType = UNSET


class ManagedAccount(Account):
    operator: bool
    suspended: bool
    live: bool


class NewAccount(ManagedAccount):
    """`key`: of its first administrator, shown this once; null when the answer is a repeated one."""

    key: str | None


class AuditQuery(ListQuery, forbid_unknown_fields=True):
    """Newest first unless `order=asc`. `actor`: by one of these. `action`: one of these. `target`: to this
    object: an id as it was answered."""

    order: Literal["asc", "desc"] = "desc"
    actor: Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=20)] | None = None
    action: Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=20)] | None = None
    target: Annotated[str, Meta(max_length=64)] | None = None


class AuditLine(msgspec.Struct):
    """Who did what to which `target`, from where; `before` and `after` hold what changed. It never changes
    itself."""

    id: str
    object: str
    created_at: str
    updated_at: str
    actor: str
    address: str | None
    action: str
    target: str
    before: Raw | None
    after: Raw | None
    request_id: str | None
