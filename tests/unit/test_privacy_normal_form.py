import unicodedata
from base64 import b64encode

import pytest

from node.privacy.normal_form import normalise


@pytest.mark.parametrize(
    ("original", "normal"),
    [
        ("plain", "plain"),
        ("zero\u200bwidth", "zerowidth"),
        ("soft\u00adhyphen", "softhyphen"),
        ("\u202eabc\u202c", "abc"),
        ("ａｄａ", "ada"),
        ("e\u0301", "é"),
        ("xe\u0301", "xé"),
        ("e\u200b\u0301", "é"),
        ("\u1112\u1161\u11ab", "한"),
        ("ﷺ", unicodedata.normalize("NFKC", "ﷺ")),
        ("\U000e0041tag", "tag"),
        ("\ufeff", ""),
        ("Jos&eacute; &#70;&#x72;ank &amp;amp; co", "José Frank & co"),
        ("AT&T; R&D", "AT&T; R&D"),
        ("ada%40example.org", "ada@example.org"),
        ("Z%C3%BCrich 100%25 %FF", "Zürich 100% %FF"),
        ("G\\u00e9raldine \\ud83d\\ude00", "Géraldine 😀"),
        ("\\x41da \\u{41}da \\U00000041da", "Ada Ada Ada"),
        ("Dear Ada,\\nthanks", "Dear Ada,\nthanks"),
        ("C:\\new\\tables\\nora", "C:\\new\\tables\\nora"),
        ("/find?name=Ada+King&tel=+44+20&to=a+b@x.org", "/find?name=Ada King&tel=+44 20&to=a+b@x.org"),
        ("\u0430d\u0430@ex\u0430mple.org", "ada@example.org"),
        ("Москва и Paris", "Москва и Paris"),
        ("αβγ-decay", "αβγ-decay"),
        ("ghp\u2017abc 555\u20110142", "ghp_abc 555-0142"),
    ],
)
def test_normal_form_is_nfkc_without_what_nobody_sees(original: str, normal: str) -> None:
    assert normalise(original).text == normal


def test_span_maps_back_to_the_original_with_what_is_hidden_inside() -> None:
    original = "to a\u200bd\u200ba@x.org!"
    form = normalise(original)
    start = form.text.index("ada")
    first, last = form.original(start, start + len("ada@x.org"))
    assert original[first:last] == "a\u200bd\u200ba@x.org"


def test_span_of_a_composed_character_covers_its_marks() -> None:
    original = "Jose\u0301 Nun\u0303ez"
    form = normalise(original)
    assert original[slice(*form.original(0, 4))] == "Jose\u0301"


def test_what_a_run_in_base64_says_is_read_too_and_is_the_whole_run() -> None:
    run = b64encode(b"call Ada Lovelace today").decode()
    original = f"X-Note: {run}\nwhat is this?"
    form = normalise(original)
    assert form.text.startswith(original)
    start = form.text.index("Ada Lovelace")
    assert original[slice(*form.original(start, start + 12))] == run


def test_run_in_base64_inside_base64_maps_to_the_outer_run() -> None:
    run = b64encode(b"see " + b64encode(b"call Ada Lovelace today")).decode()
    form = normalise(f"<{run}>")
    start = form.text.index("Ada Lovelace")
    assert form.original(start, start + 12) == (1, 1 + len(run))


def test_span_of_what_was_decoded_twice_covers_all_of_it() -> None:
    original = "to %2561da."
    form = normalise(original)
    assert form.text == "to ada."
    assert original[slice(*form.original(3, 6))] == "%2561da"
