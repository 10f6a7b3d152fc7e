"""The Prometheus exporter. Needs `pulumi_account[metrics]`."""
