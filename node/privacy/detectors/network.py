"""IP and MAC addresses, and coordinates."""

import ipaddress
import re
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Evidence, Text, context, each, pattern_detector
from node.privacy.findings import Finding, FindingType
from node.privacy.wordlist import words

_V4 = re.compile(r"\d(?<![\w.].)\d{0,2}\.(?:\d{1,3}\.){2}\d{1,3}(?![\w]|\.\d)(?P<prefix>/\d{1,2})?")
_V6 = re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f:.]{2,45})(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
V6_COLONS_MIN = 2
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
MAC_JOINTS = 5
_MAC_PART = re.compile(r"[:-][0-9A-Fa-f]{2}[:-]|\.[0-9A-Fa-f]{4}\.")
_MAC_DOTS = re.compile(r"\.[0-9A-Fa-f]{4}\.")
_LATITUDE_BEFORE = re.compile(r"(?<![\w.])(?:lat(?:itude)?[\"']?\s?[=: ]\s?)?-?\Z")
_PLACE_WORDS = context(
    "gps coordinates coordinate coords location located position geo lat lon lng latitude longitude map maps place spot "
    "koordinaten standort coordonnées coordenadas coordinate ubicación posizione"
)
_EXACT = re.compile(r"\d{1,2}\.\d{5,12}\s?[,;/]\s?-?\d{1,3}\.\d{5,12}")
LATITUDE_CHARACTERS = 14  # of what may stand before its number
_COORDINATES = re.compile(
    r"\d{1,2}\.\d{4,12}°?\s?[NS]?\s?[,;/ ]\s?"
    r"(?:lon(?:g|gitude)?[\"']?\s?[=: ]\s?|lng[\"']?\s?[=: ]\s?|\"?(?:lon|lng|longitude)\"?:\s?)?-?\d{1,3}\.\d{4,12}(?![\w.])"
)
_DEGREES = re.compile(
    r"\d(?<![\w.].)\d{0,2}\s?°\s?\d{1,2}(?:\.\d+)?\s?['′’](?:\s?\d{1,2}(?:\.\d+)?\s?(?:\"|″|''|′′|”))?\s?[NSEWO]"
    r"(?:[ ,;/]{1,3}\d{1,3}\s?°\s?\d{1,2}(?:\.\d+)?\s?['′’](?:\s?\d{1,2}(?:\.\d+)?\s?(?:\"|″|''|′′|”))?\s?[NSEWO])?"
)
# Addresses that are set aside for documentation (RFC 5737, 3849, 7042, 9637) stand for somebody's in examples of texts, and
# for nobody's in a text that speaks of that.
_DOCUMENTATION = tuple(
    map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"))
)
_DOCUMENTATION_MAC = re.compile(
    r"00[:-]00[:-]5e[:-]00[:-]53[:-]|0000\.5e00\.53|(?:01|33)[:-](?:00|33)[:-](?:5e|00|ff)[:-]", re.IGNORECASE
)
_OF_DOCUMENTS = words(
    "rfc rfcs documentation documented docs readme reserved reserves reserve tutorial bogon bogons dokumentation reserviert réservée réservé réservées réservés reservado "
    "reservada reservadas riservato riservati gereserveerd zarezerwowane"
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


def _is_of_documents(address: str, text: Text) -> bool:
    if _OF_DOCUMENTS.isdisjoint(text.vocabulary):
        return False
    of = ipaddress.ip_address(address)
    return any(of.version == network.version and of in network for network in _DOCUMENTATION)


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
    for match in text.at_digits(_V4, then="."):
        type_ = _ip_type(match.group().partition("/")[0])
        if (
            type_ is not None
            and not _is_version(text, match.start())
            and not _is_of_documents(match.group().partition("/")[0], text)
        ):
            yield Finding(*match.span(), type_, 0.95, "ip")
    if text.normal.count(":") >= V6_COLONS_MIN and _COLONS.search(text.normal):
        for match in _V6.finditer(text.normal):
            type_ = _ip_type(match.group()) if _is_long(match.group()) else None
            if type_ is not None and not _is_of_documents(match.group(), text):
                yield Finding(*match.span(), type_, 0.95, "ip")


def _find_macs(text: Text) -> Iterator[Finding]:
    if max(map(text.normal.count, ":-")) < MAC_JOINTS and not _MAC_DOTS.search(text.normal):
        return
    if not _MAC_PART.search(text.normal):
        return
    for match in _MAC.finditer(text.normal):
        if _DOCUMENTATION_MAC.match(match.group()):
            continue
        if len(set(match.group().lower()) - set(":-.")) > 1:
            yield Finding(*match.span(), FindingType.MAC, 0.95, "mac")


def _says_where(text: Text, match: re.Match[str]) -> bool:
    """Without a label two decimals may be anything: a word says that they are a place, or they are exact to a metre."""
    if text.near(_PLACE_WORDS, *match.span()) or any(c.isalpha() or c == "°" for c in match.group()):
        return True
    is_list = text.normal[match.start() - 1 : match.start()] in ("[", "(") and "], [" in text.normal
    return not is_list and _EXACT.fullmatch(match.group()) is not None


def _find_coordinates(text: Text) -> Iterator[Finding]:
    for match in text.at_digits(_COORDINATES, then="."):
        before = _LATITUDE_BEFORE.search(text.normal[max(0, match.start() - LATITUDE_CHARACTERS) : match.start()])
        if before and (len(before.group()) > 1 or _says_where(text, match)):
            start = match.start() - len(before.group())
            yield Finding(start, match.end(), FindingType.COORDINATES, 0.85, "coordinates")


# Addresses of places: of what3words, and Open Location Codes.
_WORDS3 = re.compile(r"(?<![\w:/])///[^\W\d_]{2,24}\.[^\W\d_]{2,24}\.[^\W\d_]{2,24}(?![\w.]\w)")
_PLUS_CODE = re.compile(
    r"(?<![\w+])[23456789C][23456789CFGHJMPQRV][23456789CFGHJMPQRVWX]{6}\+[23456789CFGHJMPQRVWX]{2,3}(?![\w+])"
)


DETECTORS = (
    pattern_detector("three_words", FindingType.COORDINATES, _WORDS3, Evidence(holds=("///",)), score=0.85),
    pattern_detector(
        "plus_codes", FindingType.COORDINATES, _PLUS_CODE, Evidence(holds=("+",), digits=1, run=11), score=0.85
    ),
    Detector(
        "ip",
        frozenset({FindingType.IP, FindingType.PRIVATE_IP}),
        _find_ips,
        (Evidence(holds=(".",), digits=4), Evidence(holds=(":",))),
    ),
    Detector("mac", frozenset({FindingType.MAC}), _find_macs, each((":", "-", "."), run=14)),
    pattern_detector(
        "degrees",
        FindingType.COORDINATES,
        _DEGREES,
        Evidence(holds=("°",), digits=2),
        score=0.85,
        at_digits=True,
    ),
    Detector(
        "coordinates", frozenset({FindingType.COORDINATES}), _find_coordinates, (Evidence(holds=(".",), digits=10),)
    ),
)
