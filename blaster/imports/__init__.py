"""Recipients that come in: files kept until they are read, rows put onto lists, what became of each.

`uploads` is what a user asks for, `run` reads a file bit by bit, `intake` puts rows onto a list.
"""
