"""`python -m dbtool` is `dbtool`."""

from dbtool.cli.app import main

if __name__ == "__main__":
    main()
