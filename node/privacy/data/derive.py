"""Derives the tables beside this file. `derive.py WORDNET FAKER RUBY_FAKER`: a folder with WordNet 3.0's files
(Debian's package wordnet-base), one with the unpacked package Faker (40.54.0), and the folder lib/locales/en
of Ruby's faker (2.21.0, Debian's package ruby-faker). Gives the same bytes each time.

- people.txt, places.txt, things.txt: what WordNet knows as one of a kind ("instance hyponym"), by the kind of its file.
- kinds.txt: what WordNet knows as a kind of thing and writes with somebody's name in it, in lower case: "ohm's law".
- fiction.txt, makes.txt: characters and titles of works, the names of bands; makers of goods, languages of programs: of
  Ruby's faker's lists.
- words.txt: English words in lower case that WordNet's own count has seen in text.
- given.txt, family.txt: first and family names of Faker's locales in Latin letters; of those farther from English only
  what is no English word. given_other.txt, family_other.txt: of its locales in other letters, word by word.
- han_family.txt, han_given.txt: the same in Han characters, given names of two characters and more.
"""

import importlib
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

PERSON_FILE, LOCATION_FILE, OBJECT_FILE = 18, 15, 17  # WordNet's lexicographer files
NAME_CHARACTERS_MIN = 3
LATIN = (
    "en_US en_GB en_IE en_IN de_DE de_AT de_CH fr_FR es_ES es_MX it_IT nl_NL nl_BE pt_PT pt_BR pl_PL tr_TR sv_SE da_DK "
    "no_NO fi_FI cs_CZ hu_HU ro_RO hr_HR"
)
LATIN_FARTHER = (
    "en_NG en_KE en_PK en_NZ yo_NG ig_NG ha_NG tw_GH zu_ZA sw id_ID vi_VN lt_LT lv_LV et_EE sk_SK sl_SI az_AZ uz_UZ "
    "fr_DZ es_AR es_CO es_CL es_CA fr_CA fr_BE"
)
OTHER = (
    "ar_AA ar_PS ar_SA fa_IR he_IL hi_IN mr_IN ne_NP bn_BD ta_IN gu_IN or_IN si_LK th_TH ko_KR el_GR uk_UA ru_RU bg_BG "
    "mk_MK hy_AM ka_GE"
)
HAN = "zh_CN zh_TW ja_JP"
OTHER_CHARACTERS_MIN = 2
# The last part of a key of Ruby's faker, and of which files where it says so itself.
CHARACTERS = frozenset({"character", "characters", "villain", "heros", "hero", "heroine", "god", "titan"})
TITLES = {"book.title", "movie.title", "game.title", "show.play", "show.adult_musical", "rock_band.name", "music.bands"}
BRANDS = {f"{kind}.brand" for kind in ("camera", "appliance", "commerce", "beer")}
MAKES = BRANDS | {"vehicle.manufacture", "vehicle.makes", "device.manufacturer", "programming_language.name"}
LISTED = re.compile(r"[A-Z][\w'’.&-]*(?: [\w'’.&-]+){0,6}")


def instances(folder: Path) -> Iterator[tuple[int, list[str]]]:
    """The lexicographer file and the names of each thing that is one of a kind."""
    for line in (folder / "data.noun").read_text("latin-1").splitlines():
        if line.startswith("  "):
            continue
        fields = line.split(" | ", 1)[0].split()
        count = int(fields[3], 16)
        if "@i" in fields[4 + 2 * count :]:
            yield int(fields[1]), [fields[4 + 2 * i].replace("_", " ") for i in range(count)]


def kinds_of_things(folder: Path, people: set[str]) -> Iterator[str]:
    """Of several words, one of them what `people` are called, and no name of one thing alone."""
    for line in (folder / "data.noun").read_text("latin-1").splitlines():
        fields = line.split(" | ", 1)[0].split()
        if line.startswith("  ") or "@i" in fields:
            continue
        for i in range(int(fields[3], 16)):
            lemma = fields[4 + 2 * i].replace("_", " ")
            if " " in lemma and any(word.removesuffix("'s") in people for word in lemma.split()):
                yield lemma.lower()


def lists(folder: Path) -> Iterator[tuple[str, str]]:
    """The key and the value of each entry of Ruby's faker."""

    def walk(key: str, value: object) -> Iterator[tuple[str, str]]:
        if isinstance(value, dict):
            for name, inner in value.items():
                yield from walk(f"{key}.{name}", inner)
        elif isinstance(value, list):
            yield from ((key, entry) for entry in value if isinstance(entry, str) and LISTED.fullmatch(entry))

    yaml = importlib.import_module("yaml")  # PyYAML, which only this script needs
    for path in sorted(folder.glob("*.yml")):
        try:
            content = yaml.safe_load(path.read_text("utf-8"))
        except yaml.YAMLError:  # two of its files have tabs where YAML allows none
            continue
        for key, entry in walk("", content):
            yield key.removeprefix(".en.faker."), entry


def attested(folder: Path) -> Iterator[str]:
    """Words that WordNet's count has seen, and that some entry writes with a small letter."""
    for kind in ("noun", "verb", "adj", "adv"):
        lines = (folder / f"data.{kind}").read_text("latin-1").splitlines()
        small = {
            word for line in lines if line[0].isdigit() for word in line.split(" | ", 1)[0].split() if word.islower()
        }
        for line in (folder / f"index.{kind}").read_text("latin-1").splitlines():
            if line.startswith("  "):
                continue
            fields = line.split()
            seen = int(fields[-int(fields[2]) - 1])  # how many of its senses were seen
            if seen and fields[0].isalpha() and fields[0] in small:
                yield fields[0]


def names(faker: Path, locales: str, members: tuple[str, ...]) -> Iterator[str]:
    sys.path.insert(0, str(faker))
    for locale in locales.split():
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        for member in members:
            found = getattr(provider, member, ())
            yield from () if isinstance(found, property) else found


def write(name: str, lines: Iterable[str]) -> None:
    (Path(__file__).parent / name).write_text("".join(f"{line}\n" for line in sorted(set(lines))), "utf-8")


def main(wordnet: Path, faker: Path, ruby: Path) -> None:
    kinds: dict[str, set[str]] = {"people": set(), "places": set(), "things": set()}
    for file, lemmas in instances(wordnet):
        kind = "people" if file == PERSON_FILE else "places" if file in (LOCATION_FILE, OBJECT_FILE) else "things"
        kinds[kind] |= {lemma for lemma in lemmas if lemma[0].isupper() and len(lemma) >= NAME_CHARACTERS_MIN}
    for kind, found in kinds.items():
        write(f"{kind}.txt", found)
    proper = {entry.lower() for found in kinds.values() for entry in found}
    write("words.txt", (word for word in attested(wordnet) if word not in proper and word.islower()))
    given = ("first_names", "first_names_male", "first_names_female", "first_names_unisex")
    romanised = ("first_romanized_names", "first_romanized_names_male", "first_romanized_names_female")
    family = ("last_names", "last_names_male", "last_names_female", "last_names_common")
    english = set(_written("words"))
    for name, members, roman in (("given", given, romanised), ("family", family, ("last_romanized_names",))):
        near = {n for n in names(faker, LATIN, members) if is_single(n)}
        farther = {*names(faker, LATIN_FARTHER, members), *(n.title() for n in names(faker, HAN, roman))}
        write(f"{name}.txt", near | {n for n in farther if is_single(n) and n.lower() not in english})
        pieces = {piece for n in names(faker, OTHER, members) for piece in n.replace("\u200c", " ").split()}
        write(f"{name}_other.txt", (p for p in pieces if len(p) >= OTHER_CHARACTERS_MIN and not p.isascii()))
    write("han_family.txt", (n for n in names(faker, HAN, family) if is_han(n)))
    write("han_given.txt", (n for n in names(faker, HAN, given) if is_han(n) and len(n) > 1))
    people = {word for name in ("given", "family") for word in _written(name)} | kinds["people"]
    write("kinds.txt", kinds_of_things(wordnet, people))
    entries = list(lists(ruby))
    characters = {
        name for key, name in entries if key.rpartition(".")[2] in CHARACTERS and not people.issuperset(name.split())
    }
    titles = {name for key, name in entries if key in TITLES}
    write("fiction.txt", (name for name in characters | titles if " " in name))
    write("makes.txt", (name for key, name in entries if key in MAKES and len(name) >= NAME_CHARACTERS_MIN))


def _written(name: str) -> list[str]:
    return (Path(__file__).parent / f"{name}.txt").read_text("utf-8").split()


def is_single(name: str) -> bool:
    return len(name) >= NAME_CHARACTERS_MIN and name[0].isupper() and name.isalpha()


def is_han(name: str) -> bool:
    return bool(name) and "\u3400" <= name[0] <= "\u9fff"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
