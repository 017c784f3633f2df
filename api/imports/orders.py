"""What the sender of a file wants done with it, as it is asked for and as it is kept with a file in parts."""

from __future__ import annotations

import msgspec

from api.imports.opening import Layout
from scheduler.domain.model import Priority
from scheduler.flow.terms import OnDuplicate
from scheduler.flow.throttle import NO_THROTTLE, Throttle


class Order(msgspec.Struct, frozen=True):
    """Where its leads go and how its rows are read. `batch`: its name; `throttle`: what is stated of its
    pace; `consent`: the basis of rows that state none."""

    agent_id: int
    batch: str
    cadence_id: int | None = None
    priority: Priority = Priority.BULK
    on_duplicate: OnDuplicate = "update"
    consent: str | None = None
    throttle: Throttle = NO_THROTTLE
    layout: Layout = Layout()
