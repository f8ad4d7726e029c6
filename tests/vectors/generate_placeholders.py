"""specs/vectors/placeholders.json: tokens, near misses, tokens in a text, lookalikes escaped."""

from protocol.placeholders import NUMBER_MAX, SPELLING_MAX, TYPE_CHARS_MAX, Placeholder, escape, find

VALID = [
    Placeholder("PERSON", 1),
    Placeholder("PERSON", 1, 1),
    Placeholder("PERSON", 1, 25),
    Placeholder("PERSON", 1, 26),
    Placeholder("A", 10),
    Placeholder("TAX_NUMBER", 2),
    Placeholder("A1_B2", 3),
    Placeholder("A" * TYPE_CHARS_MAX, NUMBER_MAX, SPELLING_MAX),
]
INVALID = [
    ("PERSON_1", "brackets", "a word of the writer"),
    ("[PERSON_1", "brackets", "cut"),
    ("[PERSON]", "number", "no number"),
    ("[PERSON_0]", "number", "numbers count from 1"),
    ("[PERSON_01]", "number", "one token for one value"),
    ("[PERSON_1000000]", "number", "a bound on what is held back"),
    ("[PERSON_1A]", "spelling", "the first spelling has no letter"),
    ("[PERSON_1BBB]", "spelling", "two letters at most"),
    ("[person_1]", "type", "capitals"),
    ("[PERSON_1_1]", "type", "a part of a type begins with a letter"),
    ("[1PERSON_1]", "type", "a part of a type begins with a letter"),
    ("[PERSON__1]", "type", "no empty part"),
    ("[_PERSON_1]", "type", "no empty part"),
    ("[PERSON 1]", "type", "no space"),
    ("[PERSÖN_1]", "type", "ASCII"),
    ("[PERSON_١]", "number", "ASCII digits"),
    (f"[{'A' * (TYPE_CHARS_MAX + 1)}_1]", "type", "a bound on what is held back"),
]
TEXTS = ["", "none", "[[PERSON_1]]", "a [PERSON_1][EMAIL_2] b", "[PERSON_1 [PERSON_2]", "é[A_1]🏝[A_2]"]
ESCAPED = ["none", "see [PERSON_1] and [PERSON_1]", "[LITERAL_2] [LITERAL_1]", "[PERSON_0] stays", "[[ID_7]]"]


def vectors() -> dict[str, object]:
    return {
        "spec": "specs/08-placeholders.md",
        "about": "`found`: start and end in Unicode code points. Unescaping `escaped` with `literals` gives `text`.",
        "tokens": [
            *(
                {"valid": True, "token": one.token(), "type": one.type, "number": one.number, "spelling": one.spelling}
                for one in VALID
            ),
            *({"valid": False, "token": token, "rule": rule, "why": why} for token, rule, why in INVALID),
        ],
        "texts": [
            {"text": text, "found": [[start, end, found.token()] for start, end, found in find(text)]} for text in TEXTS
        ],
        "escapes": [{"text": text, "escaped": escape(text)[0], "literals": list(escape(text)[1])} for text in ESCAPED],
    }
