"""The report of a change: composed once as a document, then rendered as Markdown or as HTML. All pure."""
