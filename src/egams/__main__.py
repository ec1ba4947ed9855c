"""`python -m egams` is `egams`."""

from egams.cli.start import process

if __name__ == "__main__":
    process()
