"""Webhooks out: where they may go, how they are sent, and how their secrets are kept."""
