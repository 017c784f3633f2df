"""The atomic steps of the wheel: one script, one transition. README.md lists them."""
