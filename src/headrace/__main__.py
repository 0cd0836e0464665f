"""`python -m headrace` is the `headrace` command."""

if __name__ == "__main__":
    from headrace.cli import main

    main()
