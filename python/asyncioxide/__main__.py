"""``python -m asyncioxide``: programs, a shell and a look into processes; see ``--help``."""

from asyncioxide._command import main

if __name__ == "__main__":
    main()
