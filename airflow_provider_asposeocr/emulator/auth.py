"""Sign-in: one accepted credential pair, opaque tokens, and the lockout of pairs that keep failing."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass

from airflow_provider_asposeocr.emulator.bounded import BoundedDict
from airflow_provider_asposeocr.emulator.options import EmulatorOptions

MAX_TOKENS = 100_000
"""Tokens remembered: one per second for a day. A client whose token is forgotten signs in again."""

MAX_PAIRS = 10_000
"""Pairs whose failures are remembered: a client that keeps failing uses one, an attacker any number."""


@dataclass(frozen=True)
class TokenGrant:
    """Granted token.

    :param access_token: the token, an opaque random string.
    :param expires_in: its lifetime, in seconds.
    """

    access_token: str
    expires_in: int


@dataclass(frozen=True)
class TokenRefusal:
    """Refused sign-in.

    :param error: the OAuth 2.0 error code; None when the pair is locked out.
    :param retry_after: how long the pair stays locked out, in seconds; None when it is not.
    """

    error: str | None = None
    retry_after: int | None = None


class TokenIssuer:
    """Issue and check tokens.

    Failures are counted per pair of id and secret, not per address, so a corrected secret works at once.

    :param options: the live options: credentials, token lifetime, lockout.
    """

    def __init__(self, options: EmulatorOptions) -> None:
        self._options = options
        self._expiry: BoundedDict[str, float] = BoundedDict(MAX_TOKENS)
        self._failures: BoundedDict[bytes, int] = BoundedDict(MAX_PAIRS)
        self._locked_until: BoundedDict[bytes, float] = BoundedDict(MAX_PAIRS)

    def grant(self, grant_type: str, client_id: str, client_secret: str) -> TokenGrant | TokenRefusal:
        """Grant or refuse one sign-in.

        :param grant_type: must be ``client_credentials``.
        :param client_id: the id as sent.
        :param client_secret: the secret as sent.
        """
        # A digest, so that no memory dump or debugger shows the secrets that were tried.
        pair = hashlib.sha256(_bytes(f"{client_id}\0{client_secret}")).digest()
        if time.monotonic() < self._locked_until.get(pair, 0.0):
            return TokenRefusal(retry_after=self._options.lockout_seconds)
        if grant_type != "client_credentials":
            return self._refuse(pair, "unsupported_grant_type")
        if not self._is_accepted(client_id, client_secret):
            return self._refuse(pair, "invalid_client")
        token = secrets.token_urlsafe(32)
        self._expiry[token] = time.monotonic() + self._options.token_lifetime
        return TokenGrant(token, self._options.token_lifetime)

    def accepts(self, authorization: str | None) -> bool:
        """Return whether an ``Authorization`` header carries a token that is still valid."""
        scheme, _, token = (authorization or "").partition(" ")
        return scheme.lower() == "bearer" and time.monotonic() < self._expiry.get(token.strip(), 0.0)

    def expire_all(self) -> None:
        """Invalidate every token granted so far."""
        for token in tuple(self._expiry):
            self._expiry[token] = 0.0

    @property
    def granted(self) -> tuple[str, ...]:
        """Tokens granted so far, including expired ones; at most the last :data:`MAX_TOKENS`."""
        return tuple(self._expiry)

    def reset(self) -> None:
        """Forget all tokens, failures and lockouts."""
        self._expiry.clear()
        self._failures.clear()
        self._locked_until.clear()

    def _is_accepted(self, client_id: str, client_secret: str) -> bool:
        right_id = hmac.compare_digest(_bytes(client_id), _bytes(self._options.client_id))
        right_secret = hmac.compare_digest(_bytes(client_secret), _bytes(self._options.client_secret))
        return right_id and right_secret

    def _refuse(self, pair: bytes, error: str) -> TokenRefusal:
        failures = self._failures.pop(pair, 0) + 1
        if failures < self._options.lockout_failures:
            self._failures[pair] = failures
        else:
            self._locked_until[pair] = time.monotonic() + self._options.lockout_seconds
        return TokenRefusal(error=error)


def _bytes(text: str) -> bytes:
    # Not strict: a secret with a lone surrogate must be refused, not cause a 500.
    return text.encode("utf-8", "surrogatepass")
