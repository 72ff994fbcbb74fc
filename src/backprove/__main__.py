"""`python -m backprove` is the command."""

from backprove.cli import main

if __name__ == "__main__":
    main()
