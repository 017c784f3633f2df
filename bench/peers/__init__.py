"""Other schedulers on the same servers in the same run: `python -m bench peers`."""
