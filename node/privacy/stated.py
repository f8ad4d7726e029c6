"""Names that the form of their text gives away, whatever they are: cells with "Last, First", quoted initials, the parties
of a case, who is to be asked, who signs, firms by their trade, small letters that do what only people do."""

import re
from collections.abc import Iterator

from node.privacy.findings import Finding, FindingType
from node.privacy.gazetteer import is_family, is_given, is_known, is_place, is_software, is_word
from node.privacy.wordlist import words

SCORE = 0.65
T = FindingType
_UP = r"[A-ZÀ-ÖØ-ÞĀ-ŽŞĞİŁŚŻŹĆŃ]"
_ONE = rf"{_UP}[^\W\d_]+(?:['’-][^\W\d_]+)*"
_CELL = re.compile(
    rf"(?<![^\s,;|\t\[(])\"(?P<last>{_ONE}(?: {_ONE})?), (?P<first>{_ONE}(?: {_ONE})?)\"(?![^\s,;|\t\])])"
)
_LAST_FIRST = re.compile(
    r"\b(?:last|surname|family)[ _]?(?:name)?, ?(?:first|given)|nachname, ?vorname|nom, ?prénom|apellidos?, ?nombre",
    re.IGNORECASE,
)
_INITIALS = re.compile(rf"(?P<quote>[\"'])(?P<name>(?:{_UP}\. ?){{1,3}}{_ONE})(?P=quote)")
_QUOTED_PAIR = re.compile(rf"(?P<quote>[\"'])(?P<name>{_ONE}(?: {_ONE}){{1,2}})(?P=quote)")
_CALLED = re.compile(
    rf"\b(?:prefers|goes by|answers to|nickname(?:d)?|aka|a\.k\.a\.|genannt|dit|alias)(?: is|:)?\s+[\"'“”‘’]{{0,2}}(?P<name>{_ONE})(?=[\"'“”‘’,.;)\n]|\Z)"
)
_CONTACT = re.compile(
    rf"\b(?:contact(?: person)? (?:is|there is|will be)|ask for|speak (?:to|with)|attention of|care of|c/o|report to|on behalf of|"
    rf"Ansprechpartner(?:in)? ist|zu Händen(?: von)?|z\. ?Hd\.|contactez|s'adresser à|preguntar? por|contacto es|chiedere di|contattare|vragen naar|falar com)"
    rf" (?P<name>{_ONE}(?: {_ONE})?)(?=[.,;!?\n)]|\Z| (?:at|on|in|if|and|before|after|when|from|about)\b)"
)
_NO_CONTACTS = words(
    "HR IT Support Sales Reception Customer Accounts The Legal Security Admin Help Directions Information Human"
)
# A name alone at a line's end, after a sentence: it signs.
_SIGNED = re.compile(rf"[.!,…] {{1,2}}(?:[-–—] ?)?(?P<name>{_ONE})[ \t]*(?=\n|\Z)")
_SIGNED_LINE = re.compile(rf"\n[ \t]*(?:[-–—]{{1,2}} ?)?(?P<name>{_ONE})[ \t]*(?=\n)")
_CASE = re.compile(
    rf"(?<![\w-])(?:(?:In|in|of) )?(?P<one>{_ONE}(?: {_ONE}){{0,2}}) (?:v|vs|versus)\.? (?P<two>{_ONE}(?: (?:{_ONE}|&|and|Ltd|LLC|Inc|plc)){{0,4}})"
    rf"|\b(?:[Ii]n re|[Ee]x parte|[Mm]atter of|[Ee]state of)(?: the estate of)? (?P<re>{_ONE}(?: {_ONE}){{0,2}})"
)
_OURS = re.compile(
    r"\b(?:claim|case|file|docket|action|suit) (?:no|number|ref|n[ro])\b|\bclaim [A-Z]?\d|\b[A-Z]{0,2}\d{2,}[A-Z]{0,3}\d+\b|\bwithout prejudice\b|"
    r"\b(?:our|my|we|client|hearing|settle\w*|defen[cs]e|witness|disclosure|deposition|counsel)\b",
    re.IGNORECASE,
)
_TRADE = (
    r"Plumbing|Joinery|Roofing|Bakery|Builders|Motors|Haulage|Scaffolding|Carpentry|Flooring|Plastering|Landscaping|Landscapes|Solicitors|"
    r"Upholstery|Upholsterers|Ironmongers|Ironworks|Ceramics|Catering|Decorators|Electrical|Electricals|Opticians|Dental|Veterinary|Vets|Pharmacy|"
    r"Accountants|Surveyors|Lettings|Removals|Glazing|Tyres|Autos|Nurseries|Florists|Butchers|Brewery|Bäckerei|Metzgerei|Hausverwaltung|Immobilien|"
    r"Logistik|Elektrotechnik|Dachdeckerei|Schreinerei|Sanitär|Plomberie|Boulangerie|Menuiserie|SARL|SASU|EURL"
)
_TRADED = re.compile(
    rf"(?<![\w.])(?!(?:The|Our|My|Die|Der|Das|Eine|Unsere|La|Le|Il|Una?) )(?P<name>{_ONE}(?: (?:& |and |et |und )?{_ONE}){{0,2}} (?:& |and )?(?:{_TRADE}))(?!\w)"
)
_FIRM_OF = re.compile(
    r"(?<!\w)(?P<name>(?:Hausverwaltung|Autohaus|Bäckerei|Metzgerei|Kanzlei|Gemeinschaftspraxis|Arztpraxis|Apotheke|Gasthof|Pension|Spedition|Schreinerei|"
    r"Tischlerei|Steuerkanzlei|Ingenieurbüro|Boulangerie|Pharmacie|Plomberie|Menuiserie|SARL|Étude|Farmacia|Panadería|Ferretería|Talleres|Bufete|"
    rf"Gestoría|Studio Legale|Officina|Pizzeria|Trattoria|Bakkerij|Garagebedrijf) {_ONE}(?: (?:& |und |et |y |e )?{_ONE}){{0,2}})"
)
# Small letters: somebody is told that somebody is off sick.
_SMALL = re.compile(
    r"(?<![\w'’./@-])(?P<name>[a-z]{3,14}) (?:is|was|isn['’]?t|wasn['’]?t|has|hasn['’]?t) (?:(?:not|still|really|so|very|too|just|been|a bit) )?"
    r"(?:off|sick|ill|late|away|pleased|happy|upset|angry|leaving|back|coming|moving|pregnant|furious|crying|tired|retiring|to cover|got to|worried)\b"
)
_SMALL_PAIR = re.compile(
    r"(?<![\w'’./@-])(?P<one>[a-z]{3,14}) and (?P<two>[a-z]{3,14}) (?:both|are both|each|were both|want|are arguing|keep arguing|had a fight)\b"
)
_NO_SUBJECTS = words(
    "she he it that this who what there here one mum mom dad everyone everybody someone nobody baby boss cat dog wife husband son brother sister"
)


def stated(text: str) -> Iterator[Finding]:
    """Of a text in normal form, in any language."""
    yield from _cells(text)
    yield from _quoted(text)
    for pattern in (_CALLED, _CONTACT):
        for match in pattern.finditer(text):
            if match["name"].split()[0] not in _NO_CONTACTS and not _is_of_the_world(match["name"]):
                yield _named(match, "name")
    for pattern in (_SIGNED, _SIGNED_LINE):
        for match in pattern.finditer(text):
            if is_given(match["name"]) and not _is_of_the_world(match["name"]) and not is_place(match["name"]):
                yield _named(match, "name")
    yield from _parties(text)
    for pattern in (_TRADED, _FIRM_OF):
        for match in pattern.finditer(text):
            yield Finding(*match.span("name"), T.ORGANISATION, SCORE, "stated")
    yield from _in_small_letters(text)


def _cells(text: str) -> Iterator[Finding]:
    cells = list(_CELL.finditer(text))
    known = any(is_given(cell["first"].split()[0]) and not is_place(cell["last"]) for cell in cells)
    if known or (cells and _LAST_FIRST.search(text)):
        for cell in cells:
            yield Finding(cell.start() + 1, cell.end() - 1, T.PERSON, SCORE, "stated")


def _quoted(text: str) -> Iterator[Finding]:
    """Initials with a surname, and beside them whoever is quoted in full."""
    found = list(_INITIALS.finditer(text))
    if found:
        found += [match for match in _QUOTED_PAIR.finditer(text) if any(map(is_given, match["name"].split()))]
    for match in found:
        yield Finding(*match.span("name"), T.PERSON, SCORE, "stated")


def _parties(text: str) -> Iterator[Finding]:
    """Where it is a case that somebody has, and not one that everybody reads about."""
    found = list(_CASE.finditer(text))
    if not found or not _OURS.search(text):
        return
    for match in found:
        for group in ("one", "two", "re"):
            if match[group] and not is_known(match[group]) and not is_word(match[group].lower()):
                yield _named(match, group)


def _in_small_letters(text: str) -> Iterator[Finding]:
    for match in _SMALL.finditer(text):
        name = match["name"]
        sure = not is_word(name) or text.count(f" {name} ") > 1 or text.startswith(f"{name} ")
        if name not in _NO_SUBJECTS and is_given(name.title()) and sure:
            yield from (_given(at) for at in re.finditer(rf"(?<![\w'’./@-]){name}(?![\w/@-])", text))
    for match in _SMALL_PAIR.finditer(text):
        both = (match["one"], match["two"])
        if any(is_given(name.title()) and not is_word(name) for name in both):
            yield from (_named(match, group) for group in ("one", "two") if _may_be_small(match[group]))


def _may_be_small(name: str) -> bool:
    return not is_word(name) and not is_software(name) and name not in _NO_SUBJECTS


def _is_of_the_world(name: str) -> bool:
    return is_software(name) or is_known(name) or (is_word(name.lower()) and not is_given(name) and not is_family(name))


def _given(match: re.Match[str]) -> Finding:
    return Finding(*match.span(), T.GIVEN_NAME, SCORE, "stated")


def _named(match: re.Match[str], group: str) -> Finding:
    type_ = T.PERSON if " " in match[group] else T.GIVEN_NAME
    return Finding(*match.span(group), type_, SCORE, "stated")
