"""`python -m seqwise`, which is how torchrun starts it."""

from seqwise.cli import main

if __name__ == "__main__":
    main()
