"""`python -m pulumi_account.emulator`."""

import sys

from .cli import main

sys.exit(main())
