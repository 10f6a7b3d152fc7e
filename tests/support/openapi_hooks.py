"""What schemathesis cannot read in a schema: it loads this module into its own process."""

from datetime import datetime, timezone

import schemathesis
from hypothesis import strategies as st

# "in the future" is a rule of the API that no format can express
schemathesis.openapi.format(
    "date-time",
    st.datetimes(datetime(2099, 1, 1), timezones=st.just(timezone.utc)).map(datetime.isoformat),
)
