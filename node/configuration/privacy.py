"""The tables [privacy] and [tools]: what the owner says of his texts, beside what every node finds by itself."""

from enum import StrEnum
from pathlib import Path

from node.configuration import places
from node.configuration.secrets import ReadFile
from node.configuration.section import Section
from node.configuration.source import listed
from node.privacy.findings import FindingType
from node.privacy.own import TERM_CHARACTERS_MAX, TERMS_MAX, TYPES, Own, OwnPattern, OwnTerm
from node.privacy.own_pattern import PatternRefused
from node.privacy.policy import Level, PrivacyPolicy
from protocol.errors import ConfigError
from protocol.terms import Sensitivity, Tier

TERMS_FILE_BYTES_MAX = 64 * 1024
TOOLS_MAX = 256
LOWER = (Tier.EDGE, Tier.CLOUD)  # the person's own devices take texts as they are
_TYPES = {type_.value: type_ for type_ in TYPES}
_TYPES_EXPECTED = listed(sorted(_TYPES))
_TERM_EXPECTED = f"terms with letters or digits, of at most {TERM_CHARACTERS_MAX} characters"


class SpecialAfter(StrEnum):
    """What health, belief and the like may fall to once the person is taken out."""

    RESTRICTED = "restricted"
    CONFIDENTIAL = "confidential"


class ToolPlace(StrEnum):
    """Where a tool runs that a model calls."""

    REMOTE = "remote"  # beyond what is trusted: nothing comes back into its arguments
    LOCAL = "local"  # here: URLs come back too


def read_privacy(root: Section, read: ReadFile, base: Path, home: Path) -> PrivacyPolicy:
    """Raises ConfigError that names the line."""
    section, tools = root.section("privacy"), root.section("tools")
    level, levels = _levels(section)
    after = section.choice("special_after", SpecialAfter, SpecialAfter.RESTRICTED)
    files = _Files(read, base, home)
    terms = tuple(term for table in section.sections("terms") for term in _terms(table, files))
    patterns = tuple(_pattern(table) for table in section.sections("patterns"))
    places_of = _tools(tools)
    try:
        own = Own(terms, patterns)
    except ValueError as error:
        raise section.source.problem(section.path, f"privacy: expected {error}") from None
    policy = PrivacyPolicy(
        languages=_languages(section),
        level=level,
        special_after=Sensitivity.parse(after.value),
        levels=levels,
        own=own,
        remote_tools=frozenset(name for name, place in places_of.items() if place is ToolPlace.REMOTE),
        local_tools=frozenset(name for name, place in places_of.items() if place is ToolPlace.LOCAL),
    )
    section.end()
    return policy


class _Files:
    """Lists beside the configuration, one term a line."""

    def __init__(self, read: ReadFile, base: Path, home: Path) -> None:
        self._read = read
        self._base = base
        self._home = home

    def lines(self, section: Section, key: str) -> tuple[str, ...]:
        name = section.optional_text(key, "the path of a file")
        if name is None:
            return ()
        path = self._home / name[2:] if name.startswith("~/") else self._base / name
        try:
            content = self._read(path)
        except OSError as error:
            raise section.error(key, f"a file that can be read ({error.strerror})") from error
        if content is None:
            raise section.error(key, "a file that is there")
        if len(content.data) > TERMS_FILE_BYTES_MAX:
            raise section.error(key, f"a file of at most {TERMS_FILE_BYTES_MAX} bytes")
        try:
            text = content.data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise section.error(key, "a file in UTF-8") from None
        return tuple(line.strip() for line in text.splitlines() if line.strip())


def _levels(section: Section) -> tuple[Level, tuple[tuple[Tier, Level], ...]]:
    """`level = "strict"` for every tier, or `[privacy.level]` with one for each."""
    if isinstance(section.get("level"), dict):
        table = section.section("level")
        levels = tuple((tier, table.choice(tier.label, Level)) for tier in LOWER if table.get(tier.label) is not None)
        table.end()
        return Level.BALANCED, levels
    return section.choice("level", Level, Level.BALANCED), ()


def _languages(section: Section) -> frozenset[str]:
    expected = 'codes of languages, such as ["de", "tr"]'
    try:
        return frozenset(places.language(text) for text in section.texts("languages", expected) or ())
    except ValueError:
        raise section.error("languages", expected) from None


def _terms(section: Section, files: _Files) -> list[OwnTerm]:
    type_, level = _kind(section)
    words = section.texts("words", 'terms, such as ["Project Bluebird"]') or ()
    from_file = files.lines(section, "file")
    section.end()
    if not words and not from_file:
        raise section.missing("words", 'words = ["Project Bluebird"], or file = "clients.txt" with one a line')
    if len(words) + len(from_file) > TERMS_MAX:
        raise section.error("file" if from_file else "words", f"at most {TERMS_MAX} terms")
    terms = []
    for key, texts in (("words", words), ("file", from_file)):
        for number, text in enumerate(texts, 1):
            try:
                terms.append(OwnTerm(text, type_, level))
            except ValueError:
                raise section.error(key, f"{_TERM_EXPECTED}; number {number} is none") from None
    return terms


def _pattern(section: Section) -> OwnPattern:
    type_, level = _kind(section)
    text = section.text("pattern", "a regular expression, such as 'MRN [0-9]{8}'")
    section.end()
    try:
        return OwnPattern(text, type_, level)
    except PatternRefused as error:
        raise section.error("pattern", f"a bounded regular expression; {error}") from None


def _kind(section: Section) -> tuple[FindingType, Sensitivity]:
    """The type and the least sensitivity: never less than what the type has by itself."""
    name = section.text("type", _TYPES_EXPECTED, FindingType.TERM.value)
    if name not in _TYPES:
        raise section.error("type", _TYPES_EXPECTED)
    type_ = _TYPES[name]
    level = section.choice("sensitivity", Sensitivity, type_.trait.level)
    if level < type_.trait.level:
        raise section.error("sensitivity", f"at least {type_.trait.level.label}, which every {name} is")
    return type_, level


def _tools(section: Section) -> dict[str, ToolPlace]:
    """Every key is a tool's name, so none is unknown."""
    names = section.keys()
    if len(names) > TOOLS_MAX:
        raise _too_many(section)
    return {name: section.choice(name, ToolPlace) for name in names}


def _too_many(section: Section) -> ConfigError:
    return section.source.problem(section.path, f"tools: at most {TOOLS_MAX} of them")
