"""``python -m pulumi_account``: the same as ``pulumi-account``."""

import sys

from pulumi_account.cli import main

if __name__ == "__main__":
    sys.exit(main())
