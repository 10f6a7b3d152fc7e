"""`python -m pulumi_account.emulator`."""

import sys

from pulumi_account.emulator.cli import main

sys.exit(main())
