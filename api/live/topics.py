"""What a listener wants to hear."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from api.live.sampling import SHOWN_PER_S
from api.problems import FieldError, Problem
from scheduler.insight.events import Group
from scheduler.public_ids import PublicIds

MOST_TOPICS = 20


class Stream(msgspec.Struct, frozen=True):
    """Events of one topic. `id`: of the batch or the lead."""

    kind: Literal["all", "attempts", "batch", "lead"]
    id: int = 0

    def places(self, group: Group) -> Iterable[int]:
        """Which events of a group belong to it."""
        if self.kind == "batch":
            return group.of_batch(self.id)
        if self.kind == "lead":
            return group.of_lead(self.id)
        wanted = self.kind == "all" or group.type.startswith("attempt.")
        return range(len(group.ids)) if wanted else ()

    def sampled(self, group: Group) -> bool:
        """Whether these events may come too fast for anybody to read: of all leads, or of a batch's, or a
        whole list at once."""
        many = group.type.startswith(("attempt.", "loop.", "lead.")) or len(group.ids) > SHOWN_PER_S
        return self.kind != "lead" and many


class Topics(msgspec.Struct, frozen=True):
    """`tick`: how things stand, once a second."""

    tick: bool
    streams: tuple[Stream, ...]


EVERYTHING = Topics(True, (Stream("all"),))


def read_topics(said: str | None, ids: PublicIds) -> Topics:
    """Raises Problem 422."""
    if said is None:
        return EVERYTHING
    names = list(dict.fromkeys(name.strip() for name in said.split(",")))
    if len(names) > MOST_TOPICS:
        raise _no_topic(f"{MOST_TOPICS} topics at most")
    streams = []
    for name in names:
        kind, _, given = name.partition(":")
        if name == "attempts":
            streams.append(Stream("attempts"))
        elif kind in ("batch", "lead"):
            number = ids.read("bat" if kind == "batch" else "lead", given)
            if number is None:
                raise _no_topic(f"`{kind}:` is followed by the id of a {kind}")
            streams.append(Stream("batch" if kind == "batch" else "lead", number))
        elif name != "tick":
            raise _no_topic("the topics are tick, attempts, batch:bat_…, lead:lead_…")
    return Topics("tick" in names, tuple(streams))


def _no_topic(detail: str) -> Problem:
    return Problem("validation-failed", detail, errors=(FieldError("invalid", detail, parameter="topics"),))
