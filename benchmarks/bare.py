"""Sign-in of a bare loop of aiohttp."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp


async def sign_in(session: aiohttp.ClientSession, account: Mapping[str, str]) -> dict[str, str]:
    """Ask for a token.

    :param session: the session.
    :param account: the connection to the emulator.
    :return: the headers that carry it.
    """
    form = {"client_id": account["login"], "client_secret": account["password"]}
    data = {"grant_type": "client_credentials", **form}
    async with session.post(f"{account['host']}/connect/token", data=data) as answer:
        return {"Authorization": f"Bearer {(await answer.json())['access_token']}"}
