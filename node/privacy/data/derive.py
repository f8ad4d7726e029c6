"""Derives the tables beside this file. `derive.py WORDNET FAKER`: a folder with WordNet 3.0's files (Debian's package
wordnet-base), and one with the unpacked package Faker (40.54.0). Gives the same bytes each time.

- people.txt, places.txt, things.txt: what WordNet knows as one of a kind ("instance hyponym"), by the kind of its file.
- words.txt: English words in lower case that WordNet's own count has seen in text.
- given.txt, family.txt, han_family.txt: first and family names of Faker's locales, the last in Han characters.
"""

import importlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

PERSON_FILE, LOCATION_FILE, OBJECT_FILE = 18, 15, 17  # WordNet's lexicographer files
NAME_CHARACTERS_MIN = 3
LATIN = (
    "en_US en_GB en_IE en_IN de_DE de_AT de_CH fr_FR es_ES es_MX it_IT nl_NL nl_BE pt_PT pt_BR pl_PL tr_TR sv_SE da_DK "
    "no_NO fi_FI cs_CZ hu_HU ro_RO hr_HR"
)
HAN = "zh_CN zh_TW ja_JP"


def instances(folder: Path) -> Iterator[tuple[int, list[str]]]:
    """The lexicographer file and the names of each thing that is one of a kind."""
    for line in (folder / "data.noun").read_text("latin-1").splitlines():
        if line.startswith("  "):
            continue
        fields = line.split(" | ", 1)[0].split()
        count = int(fields[3], 16)
        if "@i" in fields[4 + 2 * count :]:
            yield int(fields[1]), [fields[4 + 2 * i].replace("_", " ") for i in range(count)]


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
            yield from getattr(provider, member, ())


def write(name: str, lines: Iterable[str]) -> None:
    (Path(__file__).parent / name).write_text("".join(f"{line}\n" for line in sorted(set(lines))), "utf-8")


def main(wordnet: Path, faker: Path) -> None:
    kinds: dict[str, set[str]] = {"people": set(), "places": set(), "things": set()}
    for file, lemmas in instances(wordnet):
        kind = "people" if file == PERSON_FILE else "places" if file in (LOCATION_FILE, OBJECT_FILE) else "things"
        kinds[kind] |= {lemma for lemma in lemmas if lemma[0].isupper() and len(lemma) >= NAME_CHARACTERS_MIN}
    for kind, entries in kinds.items():
        write(f"{kind}.txt", entries)
    proper = {entry.lower() for entries in kinds.values() for entry in entries}
    write("words.txt", (word for word in attested(wordnet) if word not in proper and word.islower()))
    given = ("first_names", "first_names_male", "first_names_female", "first_names_unisex")
    family = ("last_names", "last_names_male", "last_names_female")
    for name, members in (("given", given), ("family", family)):
        found = names(faker, LATIN, members)
        write(f"{name}.txt", (n for n in found if len(n) >= NAME_CHARACTERS_MIN and n[0].isupper() and n.isalpha()))
    write("han_family.txt", (n for n in names(faker, HAN, family) if n and "\u3400" <= n[0] <= "\u9fff"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
