"""`python -m egams` is `egams`."""

from egams.cli.main import process

if __name__ == "__main__":
    process()
