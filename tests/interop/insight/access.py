"""Who may use the app: the SDK's own check of bearer tokens, which are JWTs of `tokens.mjs`."""

import jwt
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken, TokenVerifier
from mcp.server.auth.settings import AuthSettings

KEY = "a key of this test alone, known to both sides"

# No address of this run: what it says is part of answers that must be the same in every run.
RESOURCE = "https://app.example.com/mcp"
PROTECTION = AuthSettings(
    issuer_url="https://login.example.com",
    resource_server_url=RESOURCE,
    required_scopes=["use"],
    validate_token_resource=False,
)


class Verifier(TokenVerifier):
    async def verify_token(self, token: str) -> AccessToken | None:
        try:
            claims = jwt.decode(token, KEY, algorithms=["HS256"])
        except jwt.InvalidTokenError:
            return None
        scopes = claims["scope"].split()
        return AccessToken(token=token, client_id="chatgpt", scopes=scopes, subject=claims["sub"], claims=claims)


def caller() -> AccessToken:
    token = get_access_token()
    assert token and token.claims is not None
    return token
