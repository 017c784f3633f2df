"""`python -m api.cli`, for children that must run under the same interpreter."""

from api.cli import main

main()
