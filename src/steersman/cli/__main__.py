"""`python -m steersman.cli`."""

from steersman.cli.main import main

main()
