"""The Prometheus exporter. Needs `pulumi_account[metrics]`."""

__all__ = ["DEFAULT_PORT"]

DEFAULT_PORT = 9877
