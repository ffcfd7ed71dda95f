"""`python -m convviz` is `convviz`."""

from convviz.cli import main

if __name__ == "__main__":
    main()
