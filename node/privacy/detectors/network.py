"""IP and MAC addresses, and coordinates."""

import ipaddress
import re
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Text, pattern_detector
from node.privacy.findings import Finding, FindingType

_V4 = re.compile(r"\d(?<![\w.].)\d{0,2}\.(?:\d{1,3}\.){2}\d{1,3}(?![\w]|\.\d)(?P<prefix>/\d{1,2})?")
_V6 = re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f:.]{2,45})(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_COLONS = re.compile(r":[0-9A-Fa-f]{0,4}:")
_VERSION = re.compile(
    r"(?:version|release|build|v|git|python|chrome|firefox|java|kernel|driver|firmware|bios|app|gcc|nginx|node|openssl)\s?$",
    re.IGNORECASE,
)
_RELEASE = re.compile(r"[\d.]+\s(?:release|version|build|beta|alpha|rc|changelog)", re.IGNORECASE)
_VERSIONS = re.compile(r"(?:from|to|is|and)\s?$", re.IGNORECASE)  # in a text that speaks of versions
_MAC = re.compile(
    r"[0-9A-Fa-f](?<![\w:-].)[0-9A-Fa-f](?:([:-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}(?![\w:-])|"
    r"[0-9A-Fa-f](?<![\w.].)[0-9A-Fa-f]{3}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}(?![\w.])"
)
_COORDINATES = re.compile(
    r"(?<![\w.])(?:lat(?:itude)?[\"']?\s?[=: ]\s?)?-?\d{1,2}\.\d{4,12}°?\s?[NS]?\s?[,;/ ]\s?"
    r"(?:lon(?:g|gitude)?[\"']?\s?[=: ]\s?|lng[\"']?\s?[=: ]\s?|\"?(?:lon|lng|longitude)\"?:\s?)?-?\d{1,3}\.\d{4,12}(?![\w.])"
)
_DEGREES = re.compile(
    r"\d(?<![\w.].)\d{0,2}\s?°\s?\d{1,2}(?:\.\d+)?\s?['′’](?:\s?\d{1,2}(?:\.\d+)?\s?(?:\"|″|''|′′|”))?\s?[NSEWO]"
    r"(?:[ ,;/]{1,3}\d{1,3}\s?°\s?\d{1,2}(?:\.\d+)?\s?['′’](?:\s?\d{1,2}(?:\.\d+)?\s?(?:\"|″|''|′′|”))?\s?[NSEWO])?"
)
PUBLIC_RESOLVERS = frozenset({"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9"})  # asked about, never somebody's


def _ip_type(text: str) -> FindingType | None:
    """None where the address is nobody's: loopback, unspecified, multicast, a network's own."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address) and max(address.packed) < 10:
        return None  # a section of a document, a program's version
    if address.is_loopback or address.is_unspecified or address.is_multicast or text in PUBLIC_RESOLVERS:
        return None
    if isinstance(address, ipaddress.IPv4Address) and (text.endswith((".0", ".255")) or text.startswith("0.")):
        return None
    documentation = ipaddress.ip_network("203.0.113.0/24"), ipaddress.ip_network("198.51.100.0/24")
    if (
        isinstance(address, ipaddress.IPv4Address)
        and address.is_private
        and not any(address in n for n in documentation)
    ):
        return FindingType.PRIVATE_IP
    return FindingType.IP


def _is_version(text: Text, start: int) -> bool:
    """Four numbers with dots may be a program's version."""
    if _VERSION.search(text.normal, max(0, start - 12), start) or _RELEASE.match(text.normal, start):
        return True
    speaks_of_versions = text.has_any(("upgrade", "semver", "version", "changelog"))
    return speaks_of_versions and _VERSIONS.search(text.normal, max(0, start - 12), start) is not None


def _is_long(address: str) -> bool:
    """A slice such as `[1::2]` is no address."""
    groups = [group for group in address.split(":") if group]
    return len(groups) > 2 or (len(groups) > 1 and any(len(group) > 2 for group in groups))


def _find_ips(text: Text) -> Iterator[Finding]:
    if text.has_digit:
        for match in _V4.finditer(text.normal):
            type_ = _ip_type(match.group().partition("/")[0])
            if type_ is not None and not _is_version(text, match.start()):
                yield Finding(*match.span(), type_, 0.95, "ip")
    if _COLONS.search(text.normal):
        for match in _V6.finditer(text.normal):
            type_ = _ip_type(match.group()) if _is_long(match.group()) else None
            if type_ is not None:
                yield Finding(*match.span(), type_, 0.95, "ip")


DETECTORS = (
    Detector("ip", frozenset({FindingType.IP, FindingType.PRIVATE_IP}), _find_ips),
    pattern_detector(
        "mac",
        FindingType.MAC,
        _MAC,
        score=0.95,
        accept=lambda mac: len(set(mac.lower()) - set(":-.")) > 1,
        digits=True,
        where=re.compile(r"[:-][0-9A-Fa-f]{2}[:-]|\.[0-9A-Fa-f]{4}\."),
    ),
    pattern_detector("degrees", FindingType.COORDINATES, _DEGREES, score=0.85, hints=("°",), digits=True),
    pattern_detector(
        "coordinates", FindingType.COORDINATES, _COORDINATES, score=0.85, digits=True, where=re.compile(r"\.\d{4}")
    ),
)
