"""What `ec` says while it works: events rendered on stderr, as lines or as a progress bar."""
