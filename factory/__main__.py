"""`python -m factory`."""

from factory.cli import program

if __name__ == "__main__":
    program()
