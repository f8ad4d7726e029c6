"""What each rule finds, and the near misses that it must leave alone."""

import time

import pytest

from node.privacy.detectors import DETECTORS, find_by_rules
from node.privacy.detectors.base import Detector, Evidence, Text
from node.privacy.detectors.screen import Screen
from node.privacy.detectors.secrets import entropy_bits
from node.privacy.findings import Finding, FindingType
from node.privacy.languages import segments
from node.privacy.normal_form import normalise
from node.privacy.tokens import lookalikes
from protocol.errors import DetectorError
from tests.hostile_texts import HOSTILE
from tests.unit.privacy_texts import found_by_rules

T = FindingType

FOUND = [
    # e-mail
    ("write to ada.lovelace+x@mail.example.org today", T.EMAIL, "ada.lovelace+x@mail.example.org"),
    ("reach me: ada [at] example [dot] org", T.EMAIL, "ada [at] example [dot] org"),
    ("ada dot lovelace at example dot org is mine", T.EMAIL, "ada dot lovelace at example dot org"),
    ("write to ada-at-example-dot-org", T.EMAIL, "ada-at-example-dot-org"),
    ("or ada(a)mail.de", T.EMAIL, "ada(a)mail.de"),
    ("mail: jan kropka nowak małpa poczta kropka pl", T.EMAIL, "jan kropka nowak małpa poczta kropka pl"),
    ("連絡先 taro アット example ドット jp", T.EMAIL, "taro アット example ドット jp"),
    ("a d a @ e x a m p l e . o r g", T.EMAIL, "a d a @ e x a m p l e . o r g"),
    ("reversed: gro.elpmaxe@ada", T.EMAIL, "gro.elpmaxe@ada"),
    ("{ada,bob}@mail.example.org", T.EMAIL, "{ada,bob}@mail.example.org"),
    # telephones
    ("call two oh two, five five five, oh one four three", T.PHONE, "two oh two, five five five, oh one four three"),
    ("Nummer: null eins sieben eins zwei drei neun", T.PHONE, "null eins sieben eins zwei drei neun"),
    ("appelez le zéro six douze trente-quatre cinquante-six", T.PHONE, "zéro six douze trente-quatre cinquante-six"),
    ("Chef (Durchwahl -417)", T.PHONE, "417"),
    ("5 5 5 - 0 1 4 2 is my mobile number", T.PHONE, "5 5 5 - 0 1 4 2"),
    ("ring +44 20 7946 0018 now", T.PHONE, "+44 20 7946 0018"),
    ("or (202) 555-0143.", T.PHONE, "(202) 555-0143"),
    ("mobile: 07700 900123", T.PHONE, "07700 900123"),
    ("melden unter 030/2312541", T.PHONE, "030/2312541"),
    ("my phone is 5550142", T.PHONE, "5550142"),
    # cards
    ("card 4111 1111 1111 1111 please", T.CARD, "4111 1111 1111 1111"),
    ("5105-1051-0510-5100", T.CARD, "5105-1051-0510-5100"),
    ("amex 378282246310005", T.CARD, "378282246310005"),
    ("card 4111/1111/1111/1111", T.CARD, "4111/1111/1111/1111"),
    ("my card is 4111 1111\n> 1111 1111", T.CARD, "4111 1111\n> 1111 1111"),
    # bank
    ("wire to 021000021 / 000123456789", T.ACCOUNT, "021000021"),
    ("wire to 021000021 / 000123456789", T.ACCOUNT, "000123456789"),
    ("pay 12-34-56 12345678", T.ACCOUNT, "12-34-56 12345678"),
    ("口座番号は1234567です", T.ACCOUNT, "1234567"),
    ("pay to DE89 3704 0044 0532 0130 00 by Friday", T.ACCOUNT, "DE89 3704 0044 0532 0130 00"),
    ("GB82WEST12345698765432", T.ACCOUNT, "GB82WEST12345698765432"),
    ("account number: 12345678", T.ACCOUNT, "12345678"),
    ("to 1BoatSLRHtKNngkdXEeobR76b53LETtpyT", T.WALLET, "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"),
    # national numbers, alone where their shape tells and beside a word where it does not
    ("my SSN is 536-22-8726", T.NATIONAL_ID, "536-22-8726"),
    ("NINO AB 12 34 56 C", T.NATIONAL_ID, "AB 12 34 56 C"),
    ("NHS number 943 476 5919", T.MEDICAL_ID, "943 476 5919"),
    ("Steuer-ID 36 574 261 809", T.NATIONAL_ID, "36 574 261 809"),
    ("n° 2 95 10 99 126 111 93", T.NATIONAL_ID, "2 95 10 99 126 111 93"),
    ("DNI 54362315K", T.NATIONAL_ID, "54362315K"),
    ("NIE X2482300W", T.NATIONAL_ID, "X2482300W"),
    ("CF RCCMNL83S18D969H", T.NATIONAL_ID, "RCCMNL83S18D969H"),
    ("BSN 111222333", T.NATIONAL_ID, "111222333"),
    ("rijksregisternummer 85.07.30-033.28", T.NATIONAL_ID, "85.07.30-033.28"),
    ("PESEL 44051401359", T.NATIONAL_ID, "44051401359"),
    ("NIF 501964843", T.NATIONAL_ID, "501964843"),
    ("personnummer 880320-0016", T.NATIONAL_ID, "880320-0016"),
    ("CPR 211062-5629", T.NATIONAL_ID, "211062-5629"),
    ("HETU 131052-308T", T.NATIONAL_ID, "131052-308T"),
    ("CPF 390.533.447-05", T.NATIONAL_ID, "390.533.447-05"),
    ("Aadhaar 2341 2341 2346", T.NATIONAL_ID, "2341 2341 2346"),
    ("PAN ACUPA7085R", T.NATIONAL_ID, "ACUPA7085R"),
    ("身份证号11010519491231002X,谢谢", T.NATIONAL_ID, "11010519491231002X"),
    ("RRN 971013-9019902", T.NATIONAL_ID, "971013-9019902"),
    ("AHV 756.9217.0769.85", T.NATIONAL_ID, "756.9217.0769.85"),
    ("RSA ID 7503305044089", T.NATIONAL_ID, "7503305044089"),
    ("rodné číslo 710319/2745", T.NATIONAL_ID, "710319/2745"),
    ("T.C. kimlik 17291716060", T.NATIONAL_ID, "17291716060"),
    ("SIN 046 454 286", T.NATIONAL_ID, "046 454 286"),
    ("TFN 123 456 782", T.NATIONAL_ID, "123 456 782"),
    ("CURP BOXW310820HNERXN09", T.NATIONAL_ID, "BOXW310820HNERXN09"),
    ("PPS 6433435F", T.NATIONAL_ID, "6433435F"),
    # numbers that only a label explains
    ("passport number: X1234567", T.NATIONAL_ID, "X1234567"),
    ("driver's license D1234567", T.NATIONAL_ID, "D1234567"),
    ("MRN 4410-77123", T.MEDICAL_ID, "4410-77123"),
    ("insurance policy no. SNT-0099-4471", T.MEDICAL_ID, "SNT-0099-4471"),
    ("customer number: 8841907", T.REFERENCE, "8841907"),
    ("病历号:A1234567", T.MEDICAL_ID, "A1234567"),
    ("number plate M-AB 1234", T.REFERENCE, "M-AB 1234"),
    ("Az. 3 O 512/30 liegt vor", T.REFERENCE, "3 O 512/30"),
    (
        "my social is five three six, two two, eight seven two six",
        T.NATIONAL_ID,
        "five three six, two two, eight seven two six",
    ),
    # what names of fields say
    ("name;vorname;telefon\nLovelace;Ada;030 1234567\n", T.GIVEN_NAME, "Ada"),
    ("| user | pass |\n|---|---|\n| ada | Grebe-7-x |", T.SECRET, "Grebe-7-x"),
    ("INSERT INTO t(id,login,pw) VALUES (1,'ada.k','winter-7');", T.HANDLE, "ada.k"),
    ("<surname>Lovelace</surname>", T.PERSON, "Lovelace"),
    ("WHERE lname='Ostberg'", T.PERSON, "Ostberg"),
    # what machines call people
    ("# TODO(ada.king): fix", T.HANDLE, "ada.king"),
    ("cat /home/adaking/.ssh/config", T.HANDLE, "adaking"),
    ("adas-iphone joined", T.HANDLE, "adas-iphone"),
    ("<adaking> hello there", T.HANDLE, "adaking"),
    # the network
    ("from 93.184.216.34 port 22", T.IP, "93.184.216.34"),
    ("host 192.168.1.20 is down", T.PRIVATE_IP, "192.168.1.20"),
    ("at 2001:db8:77::bad:cafe now", T.IP, "2001:db8:77::bad:cafe"),
    ("mac 00:1B:44:11:3A:B7", T.MAC, "00:1B:44:11:3A:B7"),
    ("lat=51.47814 lon=-0.00171", T.COORDINATES, "lat=51.47814 lon=-0.00171"),
    ("at 46°14'32.4\"N 7°21'36.1\"E", T.COORDINATES, "46°14'32.4\"N 7°21'36.1\"E"),
    # secrets
    ("the gate code is 74A19", T.SECRET, "74A19"),
    ("first pet Captain Biscuit", T.SECRET, "Captain Biscuit"),
    ("curl -u admin:S3same-Seed x", T.SECRET, "S3same-Seed"),
    ("the password is correct horse 7 ok", T.SECRET, "correct horse 7"),
    ("key sk-proj-Zx81kQpLm20vTyRw77abCD", T.SECRET, "sk-proj-Zx81kQpLm20vTyRw77abCD"),
    ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", T.SECRET, "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
    ("AKIAIOSFODNN7EXAMPLE", T.SECRET, "AKIAIOSFODNN7EXAMPLE"),
    ("glpat-Zx81kQpLm20vTyRw77ab", T.SECRET, "glpat-Zx81kQpLm20vTyRw77ab"),
    ("hf_AbCdEfGhIjKlMnOpQrStUvWxYz", T.SECRET, "hf_AbCdEfGhIjKlMnOpQrStUvWxYz"),
    ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", T.SECRET, "sk_live_4eC39HqLyjWDarjtT1zdp7dc"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", T.SECRET, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"),
    ("postgres://bob:s3cr3tPie@db.example/app", T.SECRET, "bob:s3cr3tPie"),
    ("password: Hunter2!x", T.SECRET, "Hunter2!x"),
    ('api_key = "9f8e7d6c5b4a"', T.SECRET, "9f8e7d6c5b4a"),
    ("PrivateKey = bm90LWEtcmVhbC13aXJlZ3VhcmQta2V5", T.SECRET, "bm90LWEtcmVhbC13aXJlZ3VhcmQta2V5"),
    ("the password is tr0ub4dor", T.SECRET, "tr0ub4dor"),
    ("Authorization: Bearer a8f5f167f44f4964e6c998dee827110c", T.SECRET, "a8f5f167f44f4964e6c998dee827110c"),
    ("pincode 4471 for the card", T.SECRET, "4471"),
    ("暗証番号は4471です", T.SECRET, "4471"),
    ("hasło do poczty to Zimorodek!22, pa", T.SECRET, "Zimorodek!22"),
    ("mi DNI es 12.345.678-Z", T.NATIONAL_ID, "12.345.678-Z"),
    # ages and dates of birth, and addresses
    ("my twins are six and a half", T.BIRTH_AGE, "six and a half"),
    ("unser Sohn ist acht Jahre alt", T.BIRTH_AGE, "acht Jahre alt"),
    ("the baby turned 11 months", T.BIRTH_AGE, "11 months"),
    ("生年月日は昭和61年5月17日です", T.BIRTH_DATE, "昭和61年5月17日"),
    ("Date of birth of the tenant: 02/11/1988", T.BIRTH_DATE, "02/11/1988"),
    ("born on 12 March 1970 in Bath", T.BIRTH_DATE, "12 March 1970"),
    ("DOB: 03/12/1970", T.BIRTH_DATE, "03/12/1970"),
    ("I live at 221 Baker Street, London", T.ADDRESS, "221 Baker Street, London"),
    ("Lindenallee 14, 12345 Musterstadt", T.ADDRESS, "Lindenallee 14, 12345 Musterstadt"),
    ("12 bis, rue des Lilas, 75011 Paris", T.ADDRESS, "12 bis, rue des Lilas, 75011 Paris"),
    # names that their surroundings give away
    ("ask Dr. Hopper about it", T.PERSON, "Hopper"),
    ("My name is Ada Lovelace and", T.PERSON, "Ada Lovelace"),
    ("Dear Ada,\nthank you", T.GIVEN_NAME, "Ada"),
    ("Patient: Ada Lovelace", T.PERSON, "Ada Lovelace"),
]


@pytest.mark.parametrize(("text", "type_", "value"), FOUND, ids=[f"{t.value}-{v[:20]}" for _, t, v in FOUND])
def test_rule_finds_the_whole_value(text: str, type_: FindingType, value: str) -> None:
    assert (type_, value) in found_by_rules(text)


HARMLESS = [
    "Which of these is a leap year: 1900, 2000, 2024?",
    "Upgrade from version 11.2.0.1 to 4.18.0.553",
    "ping 127.0.0.1, 0.0.0.0, ::1 and 8.8.8.8; route 192.168.0.0/16",
    "1 + 4 + 9 + 16 + 25 + 36 + 49 + 64 + 81 + 100 + 121",
    "Why does every tutorial print 0000 0000 0000 0000?",
    "4111 1111 1111 1112 fails the check",
    "GB82WEST12345698765431 fails the check",
    "DATABASE_URL=postgres://USER:PASSWORD@localhost/app\nAPI_KEY=changeme",
    "password: str = Field(...)\ntoken = os.environ['TOKEN']",
    "The token is expired and the password is required.",
    "git rebase -i HEAD~5 and commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "uuid 123e4567-e89b-12d3-a456-426614174000",
    "@property\ndef name(self): ...",
    "Meet me at noon; look at python.org.",
    "Dear Sir or Madam,",
    "In chapter 12 the value is 3.14159 and 2.71828.",
    "one, two, three, four, five, six, seven, eight",
    "one of the two said three or four things, five at most",
    "then at some point later it runs",
    "@registry.layers('x')\n@dataclasses.dataclass\ndef f(): ...",
    "for bad_seed in (1, 2): credentials=None",
    "def add(token: tokenize.TokenInfo, private_key=my_key) -> None: ...",
    "('a',\n 'Secret',\n 'Token',\n 'User',\n)",
    "name,price\nWidget,12\nGadget,13",
    "docker run -p 8080:80 -u 1000:1000 image",
    "error code 1390, exit code 137, promo code SAVE2024",
    "Foundation, Inc., 51 Franklin Street, Fifth Floor, Boston",
    "self._signing_key = key[:16]; pass allow_yanked=False",
    "numbers[1::2] and section 3.2.2.1",
    "01 00 00 00 00 00 00 00 04",
    "the page turned 30 times; turn 5 pages",
    "user@example.com, git@github.com and icon@2x.png",
    "SELECT * FROM t WHERE id = 12345678 LIMIT 10",
    "my new laptop and the work-phone",
    "ISBN 978-3-16-148410-0 and DIN EN ISO 9001:2015",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_rules_leave_harmless_text_alone(text: str) -> None:
    kept = {T.DATE, T.URL}  # of which `balanced` takes out nothing
    assert {found for found in found_by_rules(text) if found[0] not in kept} == set()


def test_private_key_is_found_to_its_last_line() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAK\nj8Zz9w==\n-----END RSA PRIVATE KEY-----"
    assert (T.SECRET, key) in found_by_rules(f"here:\n{key}\nthanks")


def test_cut_private_key_is_found_too() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIBOgIBAAJBAK\nj8Zz9w"
    assert (T.SECRET, key) in found_by_rules(key)


def test_digits_of_other_scripts_are_read_as_digits() -> None:
    assert (T.PHONE, "٠٢٠ ٧٩٤٦ ٠٤٥٥") in found_by_rules("رقمي ٠٢٠ ٧٩٤٦ ٠٤٥٥")


def test_invisible_characters_hide_nothing() -> None:
    assert (T.EMAIL, "a\u00adda@exam\u200bple.org") in found_by_rules("a\u00adda@exam\u200bple.org")


def test_wide_characters_hide_nothing() -> None:
    assert (T.EMAIL, "ａｄａ@example.org") in found_by_rules("to ａｄａ@example.org")


def test_a_rule_that_crashes_fails_the_text_and_is_not_skipped() -> None:
    def crash(text: Text) -> list[Finding]:
        raise RecursionError("deep")

    broken = Detector("broken", frozenset({T.EMAIL}), crash, (Evidence(),))  # type: ignore[arg-type]
    with pytest.raises(DetectorError, match="broken: RecursionError"):
        find_by_rules("hello", Screen((*DETECTORS, broken)))


def test_more_findings_than_the_limit_fail_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.privacy.detectors.FINDINGS_MAX", 3)
    with pytest.raises(DetectorError, match="more than 3"):
        find_by_rules("a@b.example c@d.example e@f.example g@h.example")


def test_detectors_have_distinct_names_and_say_their_types() -> None:
    assert len({detector.name for detector in DETECTORS}) == len(DETECTORS)
    assert all(detector.types for detector in DETECTORS)


def test_entropy_of_a_hexadecimal_key_is_above_that_of_a_word() -> None:
    assert entropy_bits("a8f5f167f44f4964e6c998dee827110c") > 3.3 > entropy_bits("passwordpassword")


@pytest.mark.parametrize("text", HOSTILE, ids=[text[:10] for text in HOSTILE])
def test_time_is_linear_on_hostile_text(text: str) -> None:
    def seconds(piece: str) -> float:
        began = time.process_time()
        form = normalise(piece)
        find_by_rules(form.text)
        segments(form.text)
        lookalikes(piece)
        return time.process_time() - began

    quarter, whole = seconds(text[: len(text) // 4]), seconds(text)
    assert whole < max(10 * quarter, 0.6)  # quadratic time would be sixteen times
