"""Print the commit that an environment has: `python scripts/deployed.py ENVIRONMENT`."""

import sys

from api import call


def deployed(environment: str) -> str:
    """The commit of the newest deployment that succeeded."""
    for deployment in call(f"deployments?environment={environment}"):
        statuses = call(f"deployments/{deployment['id']}/statuses")
        if statuses and statuses[0]["state"] == "success":
            return str(deployment["sha"])
    sys.exit(f"{environment} has never been deployed")


if __name__ == "__main__":
    print(deployed(sys.argv[1]))
