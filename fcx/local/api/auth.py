"""The token endpoint's side and the API's side of client credentials.

Tokens are JSON Web Tokens signed with a key that lives as long as the server (HS256). The answers
to wrong credentials and to bad tokens are those of a Keycloak and of FirecREST.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

from ..errors import ApiError

MIN_SECONDS_LEFT = 30


class Authority:
    """Hands out tokens for one client id and secret, and judges the tokens that come back.

    `lifetime` is in seconds; lowering it, or setting `refusing`, is how a test makes tokens run
    out or credentials be refused.
    """

    def __init__(self, client_id: str, client_secret: str, user: str) -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.user = user
        self.lifetime = 300.0
        self.refusing = False
        self._key = secrets.token_bytes(32)

    def grant(self, form: Mapping[str, str], basic: str | None) -> dict[str, Any]:
        """The token endpoint's answer to a form, or an ApiError with an OAuth error in `data`."""
        if form.get("grant_type") != "client_credentials":
            raise _oauth_error(400, "unsupported_grant_type", "Unsupported grant_type")
        client_id, client_secret = _credentials(form, basic)
        known = hmac.compare_digest(client_id.encode(), self.client_id.encode())
        right = hmac.compare_digest(client_secret.encode(), self.client_secret.encode())
        if not (known and right) or self.refusing:
            raise _oauth_error(
                401, "unauthorized_client", "Invalid client or Invalid client credentials"
            )
        return {
            "access_token": self.issue(),
            "expires_in": int(self.lifetime),
            "refresh_expires_in": 0,
            "token_type": "Bearer",
            "not-before-policy": 0,
            "scope": "profile firecrest-v2 email",
        }

    def issue(self, lifetime: float | None = None) -> str:
        """A fresh token, valid for `lifetime` seconds (the authority's own by default)."""
        now = time.time()
        claims = {
            "iat": now,
            "exp": int(now + (self.lifetime if lifetime is None else lifetime)),
            "preferred_username": self.user,
            "client_id": self.client_id,
            "jti": secrets.token_hex(8),
        }
        head = _encode(json.dumps({"alg": "HS256", "typ": "JWT", "kid": "fcx-local"}).encode())
        body = f"{head}.{_encode(json.dumps(claims).encode())}"
        return f"{body}.{self._signature(body)}"

    def check(self, authorization: str | None) -> str:
        """The user of a request's Authorization header; an ApiError of status 401 without one."""
        scheme, _, token = (authorization or "").partition(" ")
        if not token or scheme.lower() != "bearer":
            raise ApiError("Not authenticated", status=401, headers={"WWW-Authenticate": "Bearer"})
        claims = self._claims(token)
        left = float(claims["exp"]) - time.time()
        if left <= 0:
            raise ApiError("Access token expired", status=401)
        if left < MIN_SECONDS_LEFT:
            raise ApiError(
                f"Access token expires too soon (less than {MIN_SECONDS_LEFT}s remaining).",
                status=401,
            )
        return str(claims["preferred_username"])

    def revoke(self) -> None:
        """No token handed out so far is good any more."""
        self._key = secrets.token_bytes(32)

    def _signature(self, body: str) -> str:
        return _encode(hmac.new(self._key, body.encode(), hashlib.sha256).digest())

    def _claims(self, token: str) -> dict[str, Any]:
        body, _, signature = token.rpartition(".")
        good = hmac.compare_digest(
            signature.encode("utf-8", "replace"), self._signature(body).encode()
        )
        if not good:
            raise ApiError("Access token is invalid.", status=401)
        return dict(json.loads(_decode(body.partition(".")[2])))


def _credentials(form: Mapping[str, str], basic: str | None) -> tuple[str, str]:
    scheme, _, value = (basic or "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, client_secret = base64.b64decode(value).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return client_id, client_secret
    return form.get("client_id", ""), form.get("client_secret", "")


def _oauth_error(status: int, error: str, description: str) -> ApiError:
    return ApiError(
        description, status=status, data={"error": error, "error_description": description}
    )


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
