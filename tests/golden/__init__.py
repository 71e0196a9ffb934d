"""What people read: plans, SQL, help and JSON, compared with files that are kept here."""
