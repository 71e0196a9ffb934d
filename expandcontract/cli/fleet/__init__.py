"""What the commands of `ec fleet` share."""
