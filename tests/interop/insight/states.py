"""What a multi-round-trip call is continued with, of the same length every time.

The SDK seals the time of day in it, whose digits vary in number, and the bytes of results are compared.
"""

import secrets

from mcp.server.request_state import InvalidRequestState, RequestStateCodec, RequestStateSecurity


class Kept(RequestStateCodec):
    """Keeps each state here; the client gets a name for it."""

    def __init__(self) -> None:
        self.states: dict[str, bytes] = {}

    def seal(self, payload: bytes) -> str:
        token = secrets.token_urlsafe(24)
        self.states[token] = payload
        return token

    def unseal(self, token: str) -> bytes:
        if token not in self.states:
            raise InvalidRequestState("unknown")
        return self.states[token]


STATES = RequestStateSecurity(codec=Kept())
