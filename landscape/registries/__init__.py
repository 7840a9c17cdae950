"""What there is to choose from, as strings: nothing heavy is imported here."""
