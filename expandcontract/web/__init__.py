"""Pages that show what `ec status` says, and let whoever may pause, tune and acknowledge. `ec serve`.

It is a second face of the command line: the same views, as HTML. It needs starlette, uvicorn, jinja2,
sse-starlette and python-multipart, which the extra `serve` installs.
"""
