"""National identity and tax numbers with a checksum. A number whose shape alone says little needs a word beside it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stdnum import luhn
from stdnum.ar import cuit
from stdnum.at import vnr
from stdnum.au import abn, tfn
from stdnum.be import nn
from stdnum.bg import egn
from stdnum.br import cnpj, cpf
from stdnum.ch import ssn as ch_ssn
from stdnum.cl import rut
from stdnum.cn import ric
from stdnum.co import nit
from stdnum.cz import rc
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.do import cedula
from stdnum.ec import ci as ec_ci
from stdnum.ee import ik
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs, upn
from stdnum.gr import amka
from stdnum.hr import oib
from stdnum.id import nik
from stdnum.ie import pps
from stdnum.il import idnr as il_idnr
from stdnum.in_ import aadhaar, pan
from stdnum.is_ import kennitala
from stdnum.it import codicefiscale
from stdnum.jp import in_ as jp_in
from stdnum.kr import rrn
from stdnum.mx import curp, rfc
from stdnum.my import nric
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.nz import ird
from stdnum.pe import ruc
from stdnum.pk import cnic
from stdnum.pl import pesel
from stdnum.pt import nif
from stdnum.ro import cnp
from stdnum.ru import inn
from stdnum.se import personnummer
from stdnum.si import emso
from stdnum.th import pin
from stdnum.tr import tckimlik
from stdnum.ua import rntrc
from stdnum.us import ein, ssn
from stdnum.za import idnr as za_idnr

from node.privacy.detectors.base import LATIN, Context, Detector, Evidence, Text, context
from node.privacy.findings import Finding, FindingType

_ID = FindingType.NATIONAL_ID
_MEDICAL = FindingType.MEDICAL_ID


@dataclass(frozen=True, slots=True)
class _Rule:
    """One kind of number: how it may be written, its checksum, and when no word is needed beside it."""

    name: str
    is_valid: Callable[[str], bool]
    shape: re.Pattern[str]  # of the whole candidate
    words: Context
    alone: re.Pattern[str] | None = None  # written like this it needs no word
    type: FindingType = _ID


def _rule(
    name: str,
    is_valid: Callable[[str], bool],
    shape: str,
    words: str,
    alone: str | None = None,
    type_: FindingType = _ID,
) -> _Rule:
    flags = re.IGNORECASE
    lone = re.compile(alone, flags) if alone is not None else None
    return _Rule(name, is_valid, re.compile(shape, flags), context(words), lone, type_)


def _us_ssn(number: str) -> bool:
    """By shape, 000 and 666 aside: numbers of ranges never issued are written where a real one would stand."""
    return ssn.is_valid(number) or not number.startswith(("000", "666"))


def _es_dni(number: str) -> bool:
    return bool(dni.is_valid(number.replace(".", "")))


def _ca_sin(number: str) -> bool:
    return bool(luhn.is_valid(re.sub("[ -]", "", number)))


def _ru_snils(number: str) -> bool:
    """Of Russia's pension fund: the first nine digits weighed, modulo 101."""
    digits = [int(c) for c in number if c.isdecimal()]
    total = sum(digit * weight for digit, weight in zip(digits[:9], range(9, 0, -1), strict=True))
    return total % 101 % 100 == digits[9] * 10 + digits[10]


def _sg_nric(number: str) -> bool:
    """Singapore's: weights of ICA, a table of letters for citizens and one for foreigners."""
    first, digits, last = number[0].upper(), number[1:8], number[8].upper()
    total = sum(int(digit) * weight for digit, weight in zip(digits, (2, 7, 6, 5, 4, 3, 2), strict=True))
    total += 4 * (first in "TG")
    return last == ("JZIHGFEDCBA" if first in "ST" else "XWUTRQPNMLK")[total % 11]


def _hk_id(number: str) -> bool:
    """Hong Kong's: letters count from 10 for A, a missing one as 36; modulo 11."""
    body, check = re.sub(r"[()]", "", number.upper())[:-1].rjust(8), number.upper().rstrip(")")[-1]
    values = [36 if c == " " else int(c, 36) for c in body] + [int(check, 16)]
    return sum(value * weight for value, weight in zip(values, range(9, 0, -1), strict=True)) % 11 == 0


# Digits alone, with separators; the candidate is a `Number`.
_NUMERIC = (
    _rule("us_ssn", _us_ssn, r"\d{3}[- ]?\d{2}[- ]?\d{4}", "ssn social social_security", r"\d{3}-\d{2}-\d{4}"),
    _rule("gb_nhs", nhs.is_valid, r"\d{3}[ -]?\d{3}[ -]?\d{4}", "nhs patient", type_=_MEDICAL),
    _rule(
        "de_idnr",
        idnr.is_valid,
        r"\d{2}[ ]?\d{3}[ ]?\d{3}[ ]?\d{3}",
        "steuer_id idnr steuer_identifikationsnummer steuernummer tax",
    ),
    _rule(
        "fr_nir", nir.is_valid, r"[12] ?\d{2} ?\d{2} ?\d{2} ?\d{3} ?\d{3} ?\d{2}", "nir sécurité_sociale sécu insee", ""
    ),
    _rule(
        "nl_bsn", bsn.is_valid, r"\d{8,9}|\d{4}[. ]\d{2}[. ]\d{3}", "bsn burgerservicenummer sofinummer salarisstrook"
    ),
    _rule(
        "be_nn",
        nn.is_valid,
        r"\d{2}[.]?\d{2}[.]?\d{2}[- ]?\d{3}[.]?\d{2}",
        "rijksregisternummer registre_national insz niss",
        r"\d\d\.\d\d\.\d\d-\d{3}\.\d\d",
    ),
    _rule("pl_pesel", pesel.is_valid, r"\d{11}", "pesel"),
    _rule("pt_nif", nif.is_valid, r"\d{3} ?\d{3} ?\d{3}", "nif contribuinte"),
    _rule("se_personnummer", personnummer.is_valid, r"\d{6}(?:\d\d)?[-+]?\d{4}", "personnummer", r"\d{6,8}[-+]\d{4}"),
    _rule("dk_cpr", cpr.is_valid, r"\d{6}-?\d{4}", "cpr cpr_nummer personnummer"),
    _rule("no_fodselsnummer", fodselsnummer.is_valid, r"\d{6} ?\d{5}", "fødselsnummer personnummer fodselsnummer"),
    _rule("br_cpf", cpf.is_valid, r"\d{3}\.?\d{3}\.?\d{3}-?\d{2}", "cpf", r"\d{3}\.\d{3}\.\d{3}-\d{2}"),
    _rule("br_cnpj", cnpj.is_valid, r"\d{2}\.?\d{3}\.?\d{3}/?\d{4}-?\d{2}", "cnpj", r"\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}"),
    _rule("in_aadhaar", aadhaar.is_valid, r"\d{4} ?\d{4} ?\d{4}", "aadhaar aadhar uidai", r"\d{4} \d{4} \d{4}"),
    _rule("cn_ric", ric.is_valid, r"\d{18}", "身份证 id", ""),
    _rule("kr_rrn", rrn.is_valid, r"\d{6}-?\d{7}", "주민등록번호 rrn", r"\d{6}-\d{7}"),
    _rule("za_id", za_idnr.is_valid, r"\d{13}", "id identity rsa said"),
    _rule("ch_ahv", ch_ssn.is_valid, r"756\.?\d{4}\.?\d{4}\.?\d{2}", "ahv avs", ""),
    _rule("at_vnr", vnr.is_valid, r"\d{4} ?\d{6}", "sozialversicherungsnummer svnr versicherungsnummer"),
    _rule("cz_rc", rc.is_valid, r"\d{6}/?\d{3,4}", "rodné_číslo rodného_čísla rč", r"\d{6}/\d{4}"),
    _rule("tr_tckimlik", tckimlik.is_valid, r"\d{11}", "tc t.c. kimlik tckn"),
    _rule("ca_sin", _ca_sin, r"\d{3}[ -]?\d{3}[ -]?\d{3}", "sin social_insurance"),
    _rule("au_tfn", tfn.is_valid, r"\d{3} ?\d{3} ?\d{2,3}", "tfn tax_file"),
    _rule("ro_cnp", cnp.is_valid, r"\d{13}", "cnp"),
    _rule("bg_egn", egn.is_valid, r"\d{10}", "егн egn"),
    _rule("hr_oib", oib.is_valid, r"\d{11}", "oib"),
    _rule("ee_ik", ik.is_valid, r"\d{11}", "isikukood asmens_kodas"),
    _rule("gr_amka", amka.is_valid, r"\d{11}", "αμκα amka"),
    _rule("il_id", il_idnr.is_valid, r"\d{9}", "ת.ז teudat_zehut id"),
    _rule("ar_cuit", cuit.is_valid, r"\d{2}-?\d{8}-?\d", "cuit cuil", r"\d{2}-\d{8}-\d"),
    _rule("my_nric", nric.is_valid, r"\d{6}-?\d{2}-?\d{4}", "nric mykad ic", r"\d{6}-\d{2}-\d{4}"),
    _rule("th_pin", pin.is_valid, r"\d-?\d{4}-?\d{5}-?\d{2}-?\d", "บัตรประชาชน id", r"\d-\d{4}-\d{5}-\d{2}-\d"),
    _rule("ru_inn", inn.is_valid, r"\d{10}|\d{12}", "инн inn"),
    _rule("ru_snils", _ru_snils, r"\d{3}-?\d{3}-?\d{3}[ -]?\d{2}", "снилс snils", r"\d{3}-\d{3}-\d{3} \d{2}"),
    _rule("ua_rntrc", rntrc.is_valid, r"\d{10}", "рнокпп іпн ипн rnokpp"),
    _rule("au_abn", abn.is_valid, r"\d{2} ?\d{3} ?\d{3} ?\d{3}", "abn"),
    _rule("us_ein", ein.is_valid, r"\d{2}-?\d{7}", "ein employer_identification"),
    _rule("pk_cnic", cnic.is_valid, r"\d{5}-?\d{7}-?\d", "cnic nicop", r"\d{5}-\d{7}-\d"),
    _rule("id_nik", nik.is_valid, r"\d{16}", "nik ktp"),
    _rule("do_cedula", cedula.is_valid, r"\d{3}-?\d{7}-?\d", "cédula cedula"),
    _rule("ec_ci", ec_ci.is_valid, r"\d{9}-?\d", "cédula cedula"),
    _rule("co_nit", nit.is_valid, r"\d{3}\.?\d{3}\.?\d{3}-?\d", "nit"),
    _rule("pe_ruc", ruc.is_valid, r"\d{11}", "ruc"),
    _rule("is_kennitala", kennitala.is_valid, r"\d{6}-?\d{4}", "kennitala kt"),
    _rule("si_emso", emso.is_valid, r"\d{13}", "emšo emso"),
    _rule("nz_ird", ird.is_valid, r"\d{2,3}-?\d{3}-?\d{3}", "ird"),
    _rule("jp_my_number", jp_in.is_valid, r"\d{4} ?\d{4} ?\d{4}", "マイナンバー 個人番号 my_number"),
)

# Letters and digits; the candidate is a match of `_CANDIDATE`.


def _nino(number: str) -> bool:
    compact = re.sub(r"[ -]", "", number).upper()
    return compact[:2] not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


_MIXED = (
    _rule(
        "gb_nino",
        _nino,
        r"[a-ceghj-prstw-z][a-ceghj-nprstw-z][ -]?\d{2}[ -]?\d{2}[ -]?\d{2}[ -]?[a-d]",
        "ni nino national_insurance",
        "",
    ),
    _rule("gb_upn", upn.is_valid, r"[a-z]\d{11}[\da-z]", "upn pupil", ""),
    _rule("es_dni", _es_dni, r"\d{2}\.?\d{3}\.?\d{3}[ -]?[a-z]", "dni nif", ""),
    _rule("es_nie", nie.is_valid, r"[xyz][ -]?\d{7}[ -]?[a-z]", "nie", ""),
    _rule("it_codicefiscale", codicefiscale.is_valid, r"[a-z]{6}\d\d[a-z]\d\d[a-z]\d{3}[a-z]", "cf codice_fiscale", ""),
    _rule("fi_hetu", hetu.is_valid, r"\d{6}[-+a]\d{3}[\da-z]", "hetu henkilötunnus", ""),
    _rule("in_pan", pan.is_valid, r"[a-z]{5}\d{4}[a-z]", "pan", ""),
    _rule("cn_ric", ric.is_valid, r"\d{17}x", "身份证", ""),
    _rule("ie_pps", pps.is_valid, r"\d{7}[a-w][a-w]?", "pps ppsn", ""),
    _rule("mx_curp", curp.is_valid, r"[a-z]{4}\d{6}[a-z]{6}[\da-z]\d", "curp", ""),
    _rule("mx_rfc", rfc.is_valid, r"[a-z]{4}\d{6}[a-z\d]{3}", "rfc"),
    _rule("sg_nric", _sg_nric, r"[stfg]\d{7}[a-z]", "nric fin singapore", ""),
    _rule("hk_id", _hk_id, r"[a-z]{1,2}\d{6}\([\da]\)", "hkid", ""),
    _rule("cl_rut", rut.is_valid, r"\d{1,2}\.?\d{3}\.?\d{3}-[\dk]", "rut", r"\d{1,2}\.\d{3}\.\d{3}-[\dk]"),
)
_MIXED_SHAPE = re.compile(
    "(?:" + "|".join(f"(?:{rule.shape.pattern})" for rule in _MIXED) + rf")(?![{LATIN}])", re.IGNORECASE
)
LETTERS_BEFORE_MAX = 6  # of an Italian codice fiscale
_FIRST_DIGITS = frozenset({1, 2, 4, 6, 7, 8, 11, 12, 17})  # how many a code begins with, its letters aside


def _may_begin(text: str, at: int, end: int) -> bool:
    """Whether a code may begin at these digits, or at the letters before them."""
    if end - at not in _FIRST_DIGITS:
        return False
    if end - at == 1:
        return text[end : end + 1] == "."  # none of them begins with one digit but a Chilean RUT
    return end - at > 4 or text[end : end + 1] == "." or text[at - 1 : at].isalpha() or text[at - 2 : at - 1].isalpha()


def _mixed_starts(text: Text) -> Iterator[int]:
    """Where letters and digits may begin that are a code: at its first digits, or at the letters before them."""
    for at, end in text.digit_runs:
        if not _may_begin(text.normal, at, end):
            continue
        for skip in (0, 1):
            begin = at - skip
            if skip and text.normal[begin : begin + 1] not in (" ", "-"):
                continue
            while begin > 0 and at - begin <= LETTERS_BEFORE_MAX + skip and _is_letter(text.normal[begin - 1]):
                begin -= 1
            if skip and begin == at - skip:
                continue
            if begin == 0 or not _LATIN.match(text.normal[begin - 1]):
                yield begin


def _is_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()


_LATIN = re.compile(rf"[{LATIN}]")


def _accepted(rule: _Rule, candidate: str, start: int, end: int, text: Text) -> bool:
    """The shape first, the words beside it next, the checksum, which costs most, last."""
    if not rule.shape.fullmatch(candidate):
        return False
    alone = rule.alone is not None and (rule.alone.pattern == "" or rule.alone.fullmatch(candidate) is not None)
    return (alone or text.near(rule.words, start, end)) and rule.is_valid(candidate)


def _lengths(rule: _Rule) -> frozenset[int]:
    """How many digits the rule's numbers have, told by its shape, in which every separator is optional."""
    samples = {n: ("1" * n, "756" + "1" * (n - 3)) for n in range(8, 19)}
    return frozenset(n for n, tries in samples.items() if any(rule.shape.fullmatch(sample) for sample in tries))


_BY_LENGTH = {n: tuple(rule for rule in _NUMERIC if n in _lengths(rule)) for n in range(8, 19)}


def _find_numeric(text: Text) -> Iterator[Finding]:
    taken = -1
    for number in text.number_candidates:
        if number.start < taken:
            continue
        for rule in _BY_LENGTH.get(len(number.digits), ()):
            if (rule.alone or text.places(rule.words)) and _accepted(rule, number.text, number.start, number.end, text):
                taken = number.end
                yield Finding(number.start, number.end, rule.type, 0.95, rule.name)


def _find_mixed(text: Text) -> Iterator[Finding]:
    done = 0
    for start in _mixed_starts(text):
        match = _MIXED_SHAPE.match(text.normal, start) if start >= done else None
        if match is None:
            continue
        done = match.end()
        for rule in _MIXED:
            if _accepted(rule, match.group(), *match.span(), text):
                yield Finding(*match.span(), rule.type, 0.95, rule.name)


# The lines that machines read in a passport or a card (ICAO 9303).
_MRZ = re.compile(
    r"(?<![A-Z0-9<])(?P<one>[PIAVC][A-Z<][A-Z]{3}[A-Z<]{25,39})\s{1,3}"
    r"(?P<two>[A-Z0-9<]{9}[\d<][A-Z<]{3}\d{7}[MFX<]\d{7}[A-Z0-9<]{8,16})(?![A-Z0-9<])"
)


def _find_mrz(text: Text) -> Iterator[Finding]:
    for match in _MRZ.finditer(text.normal):
        for line in ("one", "two"):
            yield Finding(*match.span(line), _ID, 0.95, "machine_readable")


DETECTORS = (
    Detector("machine_readable", frozenset({_ID}), _find_mrz, (Evidence(holds=("<<",), digits=14, run=30),)),
    Detector("national_numbers", frozenset({_ID, _MEDICAL}), _find_numeric, (Evidence(digits=8),)),
    Detector("national_codes", frozenset({_ID}), _find_mixed, (Evidence(digits=4),)),
)
