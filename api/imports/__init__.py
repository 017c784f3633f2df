"""Receiving a file of leads: unpack, frame, read, enrol, report."""
