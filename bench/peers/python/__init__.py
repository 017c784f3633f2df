"""The peers that are Python, and dialwheel: one module each, run as a process of its own.

Only the standard library and the peer itself may be imported here: each peer has an environment of its own.
"""
