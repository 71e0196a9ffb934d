"""`ec demo`: a column of a million rows changes its name under two live versions of an application.

`play.py` directs: it starts an embedded server, the old application, the commands of `ec` that an operator
would type, the new application, and compares every row in the end. The applications (`old_app.py`,
`new_app.py`) are programs of their own; they do what `traffic.py` says, each with its own model of the table.
"""
