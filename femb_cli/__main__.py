"""`python -m femb_cli` runs `femb`."""

from femb_cli.cli.app import main

if __name__ == "__main__":
    main()
