"""Addresses, URLs and names as an owner writes them. Each parser raises ValueError; its caller says what is right."""

import ipaddress
import re
import unicodedata
from urllib.parse import urlsplit

from node.configuration.values import Address

NAME_CHARACTERS_MAX = 64
SERVICE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
JURISDICTION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
LANGUAGE = re.compile(r"[a-z]{2,3}")
_HOST_PORT = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]\s]+)):(?P<port>\d{1,5})")

API_EXPECTED = "a loopback address with a port, such as 127.0.0.1:4753"
MESH_EXPECTED = "an IP address with a port, such as 0.0.0.0:4754 or [::]:4754"
URL_EXPECTED = "a URL such as https://api.openai.com/v1, without credentials in it"
PROVIDER_URL_EXPECTED = f"{URL_EXPECTED}; plain http only to this machine or a private network"
SERVICE_NAME_EXPECTED = "a name of small letters, digits, dot, dash and underscore, such as openai, but not auto"
ISLAND_NAME_EXPECTED = f"a name of 1 to {NAME_CHARACTERS_MAX} characters without / and @"


def address(text: str) -> Address:
    found = _HOST_PORT.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    host, port = found["six"] or found["host"], int(found["port"])
    host = "127.0.0.1" if host == "localhost" else str(ipaddress.ip_address(host))
    if port > 65_535:
        raise ValueError(text)
    return Address(host, port)


def loopback_address(text: str) -> Address:
    """The API speaks plain HTTP, so it listens on loopback alone."""
    found = address(text)
    if not ipaddress.ip_address(found.host).is_loopback:
        raise ValueError(text)
    return found


def url(text: str) -> str:
    parts = urlsplit(text.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("not a URL of a service")
    if parts.username is not None or parts.password is not None:
        raise ValueError("credentials in a URL")
    _ = parts.port  # raises ValueError where it is none
    return text.strip().rstrip("/")


def provider_url(text: str) -> str:
    """A prompt and a key go there: in clear only where the wire is the owner's."""
    found = url(text)
    parts = urlsplit(found)
    if parts.scheme == "http" and not _is_near(parts.hostname or ""):
        raise ValueError("plain http to a public host")
    return found


def _is_near(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return False
    return found.is_loopback or found.is_private or found.is_link_local


def service_name(text: str) -> str:
    if not SERVICE_NAME.fullmatch(text) or text == "auto":
        raise ValueError(text)
    return text


def island_name(text: str) -> str:
    name = unicodedata.normalize("NFC", text.strip())
    if not 0 < len(name) <= NAME_CHARACTERS_MAX or not name.isprintable() or set(name) & set("/@"):
        raise ValueError(text)
    return name


def jurisdiction(text: str) -> str:
    if not JURISDICTION.fullmatch(text):
        raise ValueError(text)
    return text


def language(text: str) -> str:
    if not LANGUAGE.fullmatch(text):
        raise ValueError(text)
    return text
