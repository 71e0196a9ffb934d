"""What tests and the demo need around the program: an embedded PostgreSQL that leaves nothing behind."""
