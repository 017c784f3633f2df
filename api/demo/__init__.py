"""The demo: private servers, the example leads, the simulated provider, a fast clock."""
