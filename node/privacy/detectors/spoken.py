"""Numbers as people say them in ten languages: the digits of a word, and where digits are said one after the other."""

import re
from collections.abc import Iterator

from node.privacy.detectors.base import Text
from node.privacy.wordlist import words

SCOUTS_MIN, CLOSE_CHARACTERS = 3, 60
GAP_CHARACTERS_MAX = 4

_UNITS = (
    "zero one two three four five six seven eight nine",
    "null eins zwei drei vier fünf sechs sieben acht neun",
    "zéro un deux trois quatre cinq six sept huit neuf",
    "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "zero uno due tre quattro cinque sei sette otto nove",
    "nul een twee drie vier vijf zes zeven acht negen",
    "zero um dois três quatro cinco seis sete oito nove",
    "zero jeden dwa trzy cztery pięć sześć siedem osiem dziewięć",
    "sıfır bir iki üç dört beş altı yedi sekiz dokuz",
    "ноль один два три четыре пять шесть семь восемь девять",
)
_TEENS = (
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen",
    "zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn",
    "dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf",
    "diez once doce trece catorce quince dieciséis diecisiete dieciocho diecinueve",
    "dieci undici dodici tredici quattordici quindici sedici diciassette diciotto diciannove",
    "tien elf twaalf dertien veertien vijftien zestien zeventien achttien negentien",
    "dez onze doze treze catorze quinze dezesseis dezessete dezoito dezenove",
)
_TENS = (
    "twenty thirty forty fifty sixty seventy eighty ninety",
    "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    "vingt trente quarante cinquante soixante soixante-dix quatre-vingt quatre-vingt-dix",
    "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    "venti trenta quaranta cinquanta sessanta settanta ottanta novanta",
    "twintig dertig veertig vijftig zestig zeventig tachtig negentig",
    "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa",
)
_MORE = {
    "oh": "0",
    "o": "0",
    "zwo": "2",
    "um": "1",
    "uma": "1",
    "ein": "1",
    "meia": "6",
    "hundred": "00",
    "thousand": "000",
}
_REPEATS = {"double": 2, "triple": 3, "treble": 3, "doppel": 2, "doppelt": 2, "doble": 2, "doppio": 2}
_JOINS = words(
    "dash hyphen plus dot point and y e et und en minus tiret strich guion guión trattino then dann puis ensuite luego poi potem sonra"
)


def _spoken() -> dict[str, str]:
    """The digits of each word."""
    spoken = dict(_MORE)
    for line in _UNITS:
        spoken |= {word: str(n) for n, word in enumerate(line.split())}
    for line in _TEENS:
        spoken |= {word: str(n + 10) for n, word in enumerate(line.split())}
    for line in _TENS:
        spoken |= {word: str((n + 2) * 10) for n, word in enumerate(line.split())}
    for joint, units, tens in (("und", _UNITS[1], _TENS[1]), ("en", _UNITS[5], _TENS[5]), ("ën", _UNITS[5], _TENS[5])):
        for unit, word in enumerate(units.split()[1:], 1):
            stem = "ein" if word == "eins" else word
            spoken |= {f"{stem}{joint}{ten}": f"{n + 2}{unit}" for n, ten in enumerate(tens.split())}
    return spoken


SPOKEN = _spoken()
SCOUTS = frozenset(SPOKEN) - words("a o um un uma een ein bir en six acht elf sei e")  # ordinary words among them
_TOKEN = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*|\d+|[,.;:/+()]+|\s+|-+|.", re.DOTALL)


def _digits(word: str) -> str | None:
    """What a word says as digits: "five", "sixty-five", "soixante-dix-huit", "44"."""
    if word.isdecimal():
        return word if len(word) <= 4 else None
    said = SPOKEN.get(word)
    if said is not None or "-" not in word:
        return said
    first, _, rest = word.partition("-")
    if first in _REPEATS:  # "double-oh"
        said = _digits(rest)
        return said and said * _REPEATS[first]
    values = [SPOKEN.get(piece) for piece in word.split("-") if piece not in _JOINS]
    if not values or any(value is None for value in values):
        return None
    numbers = [int(value) for value in values if value]
    if len(numbers) > 1 and numbers[0] >= 20 and all(n < 20 for n in numbers[1:]):
        return str(numbers[0] + sum(numbers[1:]))
    return "".join(str(n) for n in numbers)


def runs(text: Text) -> Iterator[tuple[int, int, str, int]]:
    """Where digits are said one after the other: start, end, the digits, and how many words said them."""
    start = end = last = 0
    digits: list[str] = []
    said = repeat = 0
    for match in _TOKEN.finditer(text.lower):
        token = match.group()
        value = _digits(token) if token[0].isalnum() else None
        if value is not None:
            if not digits:
                start = match.start()
            said += not token.isdecimal()
            digits += [value] * (repeat or 1)
            repeat, end, last = 0, match.end(), match.end()
        elif token in _REPEATS:
            if not digits:
                start, digits = match.start(), [""]
            repeat, last = _REPEATS[token], match.end()
        elif digits and token in _JOINS:
            last = match.end()
        elif digits and (token[0].isalnum() or match.end() - last > GAP_CHARACTERS_MAX or "\n" in token):
            yield start, end, "".join(digits), said
            digits, said, repeat = [], 0, 0
    if digits:
        yield start, end, "".join(digits), said


def are_close(text: Text) -> bool:
    """Whether several of the words stand so close that they could say a number."""
    places = sorted(word.start for word in text.at_words(SCOUTS))
    return any(last - first < CLOSE_CHARACTERS for first, last in zip(places, places[SCOUTS_MIN - 1 :], strict=False))
