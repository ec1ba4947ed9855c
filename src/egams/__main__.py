"""`python -m egams` is `egams`."""

from egams.cli.main import main

if __name__ == "__main__":
    main()
