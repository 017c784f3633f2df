"""The wheel's own stand, and whole dialwheels."""

from tests.wheel.builders import wheel, wheel_url
from tests.worlds import ledger_url, open_world, world

__all__ = ["ledger_url", "open_world", "wheel", "wheel_url", "world"]
