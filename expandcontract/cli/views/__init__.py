"""What `ec` answers: one module per JSON schema. The text is rendered from the same view."""
