pytest_plugins = ["pulumi_account.testing.fixtures"]
