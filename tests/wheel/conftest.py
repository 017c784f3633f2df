"""The shard that every test here stands on."""

from tests.wheel.builders import stand, wheel, wheel_url

__all__ = ["stand", "wheel", "wheel_url"]
