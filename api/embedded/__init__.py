"""Private Postgres and Valkey from their wheels, under one data directory.

Start them before the event loop and any thread: the servers are forked with a function that runs in the
child. They get a session of their own, so that Ctrl-C reaches the application and not its stores.
"""

from api.embedded.stack import EmbeddedStack

__all__ = ["EmbeddedStack"]
