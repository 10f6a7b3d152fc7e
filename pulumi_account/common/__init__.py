"""What every room uses: instants, money, ids, text for people, private files. No network, no Pulumi."""
