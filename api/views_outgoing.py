"""Rows of trunks, caller ids and pools as the API shows them."""

from __future__ import annotations

from api import schemas_outgoing as schemas
from api.instants import EPOCH, utc, utc_ms, utc_or_none
from scheduler.domain.caller_ids import Budget
from scheduler.ledger.database import Row
from scheduler.public_ids import PublicIds


def trunk(row: Row, ids: PublicIds) -> schemas.Trunk:
    return schemas.Trunk(
        id=ids.write("trk", row["trunk_id"]),
        object="trunk",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        name=row["name"],
        max_concurrent=row["max_concurrent"],
        max_dials_per_s=row["max_dials_per_s"],
        paused=row["paused"],
    )


def caller_id(row: Row, ids: PublicIds) -> schemas.CallerId:
    return schemas.CallerId(
        id=ids.write("cid", row["caller_id_id"]),
        object="caller_id",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        phone=row["phone"],
        region=row["region"],
        daily_cap=row["daily_cap"],
        rest_until=utc_or_none(row["rest_until"]),
        status=row["status"],
        caller_id_pool_id=ids.write_or_none("cip", row["caller_id_pool_id"]),
        used_today=row["used_today"],
    )


def pool(row: Row, today: Budget, ids: PublicIds) -> schemas.Pool:
    """`today`: what its numbers have left."""
    return schemas.Pool(
        id=ids.write("cip", row["caller_id_pool_id"]),
        object="caller_id_pool",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        name=row["name"],
        strategy=row["strategy"],
        caller_ids=[ids.write("cid", number) for number in row["caller_id_ids"]],
        left_today=today.left,
        renews_at=utc_ms(today.renews_at_ms) or utc(EPOCH),
    )
