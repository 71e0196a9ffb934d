"""What must hold. A test is a sentence: its docstring says what, and it fails when that does not."""
