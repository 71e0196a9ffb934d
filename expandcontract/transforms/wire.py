"""How the two processes talk: pickles, each behind its length."""

import pickle
import struct

LENGTH = struct.Struct(">Q")


def packed(message: object) -> bytes:
    """Return a message as it is sent."""
    body = pickle.dumps(message)
    return LENGTH.pack(len(body)) + body
