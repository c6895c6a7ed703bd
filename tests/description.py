"""Check what goes over the wire against a description of the API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jsonschema import Draft202012Validator


@dataclass
class Exchange:
    """A request and its answer, as they went over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    status: int
    reply_headers: dict[str, str]
    reply: bytes

    @property
    def path(self) -> str:
        """Return the path of the request."""
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        """Return the query of the request."""
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True, strict_parsing=True)


class Description:
    """An OpenAPI 3.1 description, whose schemas are JSON Schema 2020-12."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def resolved(self, value: dict[str, Any]) -> dict[str, Any]:
        """Follow references."""
        while "$ref" in value:
            target: Any = self._document
            for part in value["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            value = target
        return value

    def operation(self, exchange: Exchange) -> dict[str, Any]:
        """Return what is said of a request's path and method."""
        found: dict[str, Any] = self._document["paths"][exchange.path][exchange.method.lower()]
        return found

    def check(self, value: Any, schema: dict[str, Any]) -> None:
        """Validate a value; objects that the vendor closes are closed here too."""
        Draft202012Validator({**self._document, **schema}).validate(value)
        self._check_closed(value, self.resolved(schema))

    def _check_closed(self, value: Any, schema: dict[str, Any]) -> None:
        if isinstance(value, dict):
            properties = schema.get("properties", {})
            if schema.get("x-vendor-additionalProperties") is False:
                assert set(value) <= set(properties)
                aliases = {key for key in value if "x-alias-of" in properties[key]}
                assert not aliases, "the vendor's schema has another spelling"
            for key, inner in value.items():
                if key in properties:
                    self._check_closed(inner, self.resolved(properties[key]))
        elif isinstance(value, list) and "items" in schema:
            for inner in value:
                self._check_closed(inner, self.resolved(schema["items"]))

    def check_request(self, exchange: Exchange) -> None:
        """Validate a request."""
        operation = self.operation(exchange)
        parameters = [self.resolved(given) for given in operation.get("parameters", ())]
        query = dict(exchange.query)
        assert len(query) == len(exchange.query)
        assert set(query) <= {parameter["name"] for parameter in parameters}
        for parameter in parameters:
            assert parameter["in"] == "query"
            if parameter["required"]:
                self.check(query[parameter["name"]], parameter["schema"])
        security = operation.get("security", self._document["security"])
        assert ("authorization" in exchange.headers) is bool(security)
        if security:
            assert exchange.headers["authorization"].startswith("Bearer ")
        accepted = {
            kind
            for status, answer in operation["responses"].items()
            if status == "200"
            for kind in self.resolved(answer).get("content", {})
        }
        assert not accepted or exchange.headers["accept"] in accepted
        if "requestBody" not in operation:
            assert exchange.body == b""
            return
        (kind,) = operation["requestBody"]["content"]
        assert exchange.headers["content-type"].partition(";")[0] == kind
        assert int(exchange.headers["content-length"]) == len(exchange.body)
        self.check(decoded(exchange), operation["requestBody"]["content"][kind]["schema"])

    def check_reply(self, exchange: Exchange) -> None:
        """Validate an answer."""
        answer = self.resolved(self.operation(exchange)["responses"][str(exchange.status)])
        if "content" not in answer:
            assert exchange.reply == b""
            return
        kind = exchange.reply_headers["content-type"].partition(";")[0]
        assert kind in answer["content"]
        text = exchange.reply.decode()
        value = text if text[:1] not in '{["' else json.loads(text)
        self.check(value, answer["content"][kind]["schema"])


def decoded(exchange: Exchange) -> Any:
    """Return the body of a request as the value that its schema is about."""
    kind = exchange.headers["content-type"].partition(";")[0]
    if kind == "application/json":
        return json.loads(exchange.body)
    if kind == "application/x-www-form-urlencoded":
        pairs = parse_qsl(exchange.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)
    header = f"Content-Type: {exchange.headers['content-type']}\r\n\r\n".encode()
    parts = message_from_bytes(header + exchange.body, policy=HTTP)
    return {
        part.get_param("name", header="content-disposition"): bytes(part.get_content()).decode("latin-1")
        for part in parts.iter_parts()
    }
