"""Places by id and back: a few hundred combinations of zones and regions serve millions of leads."""

from __future__ import annotations

from collections.abc import Iterable

from scheduler.domain.model import Place
from scheduler.errors import NotFound
from scheduler.ledger.database import Database


class PlaceBook:
    """Kept whole in memory; rows of `place` are never changed or removed. `database`: of connections that no
    transaction holds, as places are made beside one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids: dict[Place, int] = {}
        self._places: dict[int, Place] = {}

    async def id_of(self, place: Place) -> int:
        """The place's id, made when it is new."""
        if place not in self._ids:
            row = None
            while row is None:  # empty when another writer has just made it and has not committed yet
                row = await self._database.fetch_row(
                    "place_ensure",
                    list(place.zones),
                    list(place.regions),
                    list(place.own_zones),
                    place.source,
                )
            self._keep(row["place_id"], place)
        return self._ids[place]

    async def ids_of(self, places: Iterable[Place]) -> dict[Place, int]:
        return {place: await self.id_of(place) for place in set(places)}

    async def get(self, place_id: int) -> Place:
        """Raises NotFound for an id that was never made."""
        if place_id not in self._places:
            await self.load()
        if place_id not in self._places:
            raise NotFound("no such place")
        return self._places[place_id]

    async def load(self) -> None:
        """Read every place, in one statement."""
        for row in await self._database.fetch("place_all"):
            place = Place(tuple(row["zones"]), tuple(row["regions"]), tuple(row["own_zones"]), row["source"])
            self._keep(row["place_id"], place)

    def forget(self) -> None:
        """Read everything anew."""
        self._ids.clear()
        self._places.clear()

    def _keep(self, place_id: int, place: Place) -> None:
        self._ids[place] = place_id
        self._places[place_id] = place
