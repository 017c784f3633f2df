"""What would happen to one lead: the running system's planner, played to the end without a server."""
