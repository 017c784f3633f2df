"""What people want to know about the whole: how much waits and why. Reads only."""
