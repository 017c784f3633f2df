"""A loop's place in a cadence, carried over to another version of it.

Steps are known by their ids, which they keep when they are moved or renamed. Where they have none, by their
positions.
"""

from __future__ import annotations

import msgspec

from scheduler.domain.model import Cadence, Touch


def kept(trail: tuple[Touch, ...]) -> tuple[Touch, ...]:
    """What of a trail still decides anything: the attempts of the run it is in. Rules count their uses, and
    anchors their time, by run."""
    return tuple(touch for touch in trail if touch.run == trail[-1].run)


def moved(trail: tuple[Touch, ...], before: Cadence, after: Cadence) -> tuple[Touch, ...]:
    """The trail as if its attempts had been made under `after`. An attempt of a step that is no more stands
    behind the nearest earlier step that is still there, with the wait that its own step had: what comes after
    it is neither skipped nor hurried."""
    places = {step.step_id: index for index, step in enumerate(after.steps) if step.step_id}
    return tuple(_moved(touch, before, after, places) for touch in trail)


def _moved(touch: Touch, before: Cadence, after: Cadence, places: dict[int, int]) -> Touch:
    if touch.gone_wait_s is None:
        index = _index(touch.step, before, after, places)
        if index is not None:
            return msgspec.structs.replace(touch, step=index)
    wait_s = touch.gone_wait_s
    if wait_s is None:
        step = before.steps[touch.step] if touch.step < len(before.steps) else None
        wait_s = 0 if step is None else step.delay_after_s
    earlier = (
        _index(index, before, after, places)
        for index in range(min(touch.step, len(before.steps) - 1), -1, -1)
    )
    return msgspec.structs.replace(
        touch, step=next((index for index in earlier if index is not None), -1), gone_wait_s=wait_s
    )


def _index(index: int, before: Cadence, after: Cadence, places: dict[int, int]) -> int | None:
    """Where a step of `before` stands in `after`; None if it is no more."""
    if not 0 <= index < len(before.steps):
        return None
    step_id = before.steps[index].step_id
    if step_id and places:
        return places.get(step_id)
    return index if index < len(after.steps) else None
