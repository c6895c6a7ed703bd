"""Access control of the control endpoints: programs on this machine may use them, foreign web pages may not.

A browser on this machine sends requests on behalf of any page that it shows. A page whose own name resolves
to 127.0.0.1 (DNS rebinding) is recognized by the ``Host`` header, any other by ``Origin`` and
``Sec-Fetch-Site``, which a page cannot set. Forms and other requests that a browser sends without a preflight
cannot declare a JSON body, so bodies of other media types are refused as well.
"""

from __future__ import annotations

import ipaddress
import re

from starlette.requests import Request
from starlette.types import Scope

_HOST = re.compile(r"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::(\d{1,5}))?", re.IGNORECASE)
_OWN_SITES = frozenset({"same-origin", "none"})
"""Sent for pages of the emulator itself, and for an address typed by the user."""


def refusal_of(request: Request) -> str | None:
    """Return why a request may not use the control endpoints, or None if it may.

    :param request: the request; its body is not needed.
    """
    if not _is_loopback(request.client.host if request.client else ""):
        return "The control endpoints answer this machine only."
    hosts = request.headers.getlist("host")
    if len(hosts) != 1 or not _is_own_host(hosts[0], request.scope):
        return "The control endpoints answer under the names of this machine only, such as 127.0.0.1."
    origins = request.headers.getlist("origin")
    if any(origin.lower() != f"http://{hosts[0].lower()}" for origin in origins):
        return "The control endpoints do not answer pages of another origin."
    if not _OWN_SITES.issuperset(request.headers.getlist("sec-fetch-site")):
        return "The control endpoints do not answer pages of another site."
    return None


def is_json(request: Request) -> bool:
    """Return whether a request declares its body as JSON.

    A missing media type is accepted: browsers omit it for some bodies, but then they send an ``Origin``.
    """
    media_type = request.headers.get("content-type", "application/json").partition(";")[0]
    return media_type.strip().lower() == "application/json"


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def _is_own_host(host: str, scope: Scope) -> bool:
    found = _HOST.fullmatch(host)
    server = scope.get("server")
    return bool(found and (found[1] is None or (server and int(found[1]) == server[1])))
