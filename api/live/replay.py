"""What somebody missed who comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator

from api.live.frames import event_frames, gap_frame
from api.live.topics import Topics
from scheduler.insight.events import head_of, read_groups
from scheduler.ledger.database import Database
from scheduler.public_ids import PublicIds

MOST_REPLAYED = 1000
"""Events: more are read faster as pages; what lies before them is told as a gap."""

_GROUPS_AT_ONCE = 50


async def replay(
    database: Database, ids: PublicIds, account_id: int, topics: Topics, after: int, upto: int
) -> AsyncIterator[bytes]:
    """Frames of the events after one number up to another that belong to the topics. Raises
    ServerUnavailable."""
    head = await head_of(database, account_id)
    begin = min(max(after, head.purged_seq, upto - MOST_REPLAYED), upto)
    if not topics.streams:
        return
    if begin > after:
        yield gap_frame(ids, account_id, after, begin)
    while begin < upto:
        groups = await read_groups(database, account_id, begin, _GROUPS_AT_ONCE)
        if not groups:
            return
        wanted = {
            event.number: event
            for group in groups
            for stream in topics.streams
            for place in stream.places(group)
            if begin < (event := group.event(place)).number <= upto
        }
        frames = await event_frames(database, ids, account_id, [wanted[number] for number in sorted(wanted)])
        yield b"".join(frames.values())
        begin = groups[-1].seq
