"""What every room uses: instants, money, ids, text for people, private files, signals. No network, no Pulumi."""
