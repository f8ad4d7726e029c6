"""Numbers said in words, digit by digit or in pairs: telephone, card and identity numbers as people dictate them."""

import re
from collections.abc import Iterator
from itertools import pairwise

from stdnum import luhn

from node.privacy.detectors.base import Context, Detector, Evidence, Text, context, each
from node.privacy.detectors.cards import has_issuer, is_card
from node.privacy.detectors.spoken import SCOUTS, are_close, runs
from node.privacy.findings import Finding, FindingType

WORDS_MIN = 4  # of a number; fewer is a price or a year
DIGITS_MIN, DIGITS_MAX = 7, 24
SPOKEN_CARD_DIGITS = (15, 16)  # so many, as an issuer begins them, are a card's also where one was misheard

_HAN = re.compile(r"[〇零一二三四五六七八九](?:[ \-－ー・]?[〇零一二三四五六七八九]){6,23}")
_ID_WORDS = context(
    "ssn social social_security sin nino national_insurance nhs passport id tax_id steuer_id dni nif bsn pesel cpf "
    "sécurité_sociale codice_fiscale 身份证 マイナンバー"
)
_CARD_WORDS = context("card visa mastercard amex karte kreditkarte carte tarjeta carta kaart cartão karta kart")
_BANK_WORDS = context("account iban routing sort_code konto compte cuenta conto rekening conta")
_PHONE_WORDS = context(
    "number phone telephone tel mobile cell call ring reach text whatsapp nummer telefon handy anrufen numéro "
    "téléphone appelez appeler teléfono móvil llamar número telefono cellulare chiama chiamare chiamami bellen bel "
    "telefone celular ligar telefonu numer zadzwoń numara numaram ara extension durchwahl 電話 电话 手机"
)


_EXTENSION = re.compile(r"[ ,]{0,2}(?:extension|ext\.?|durchwahl|poste|interno|toestel|anexo)[ ,:]{1,2}", re.IGNORECASE)


def _type(digits: str, text: Text, start: int, end: int) -> FindingType | None:
    if (
        is_card(digits)
        or (len(digits) in SPOKEN_CARD_DIGITS and has_issuer(digits))
        or (text.near(_CARD_WORDS, start, end) and len(digits) >= 12 and luhn.is_valid(digits))
    ):
        return FindingType.CARD
    for words_, type_ in (
        (_ID_WORDS, FindingType.NATIONAL_ID),
        (_BANK_WORDS, FindingType.ACCOUNT),
        (_CARD_WORDS, FindingType.CARD),
        (_PHONE_WORDS, FindingType.PHONE),
    ):
        if _beside(words_, text, start, end):
            return type_
    return FindingType.PHONE if len(digits) in (9, 10, 11) else None


def _beside(words_: Context, text: Text, start: int, end: int) -> bool:
    return text.before(words_, start) or text.after(words_, end)


def _is_counting(digits: str) -> bool:
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(digits)}
    return len(steps) == 1


# What lets somebody in, and the number that is said for it.
_LETS_IN = re.compile(
    r"(?<![^\W_])(?<!zip )(?<!postal )(?<!area )(?<!country )(?<!error )(?<!status )(?<!exit )(?<!promo )(?<!discount )(?:"
    r"pin(?:code)?|pass ?code|codes?|combination|combo|alarm|keypad|safe|locker|lockbox|disarms?|(?:opens?|unlocks?|unlocked) (?:it )?(?:with|by)|"
    r"geheimzahl|tresor|zahlenschloss|(?:geht|öffnet sich|öffnet)(?: \w+)? mit|digicode|coffre|s['’]ouvre avec|se désactive avec|"
    r"clave|código|codigo|combinación|se (?:abre|quita|apaga|desactiva|desbloquea) con|codice|combinazione|allarme|"
    r"si (?:apre|disattiva|sblocca|spegne) con|cassaforte|kluis|cijferslot|(?:gaat|opent)(?: \w+){0,2} met|senha|segredo|"
    r"(?:abre|desliga|desativa)(?:-se)? com|kod(?:u|em)?|szyfr|otwiera(?:ją)? się|hasło|alarmu|şifre\w{0,4}|kodu|parola\w{0,3}|код\w?|пароль|пин)"
    r"(?![^\W_])[^.!?\n\d]{0,40}\Z",
    re.IGNORECASE,
)
_SYMBOL = re.compile(
    r"[ ,]{1,3}(?:(?:then|and|und|dann|puis|et|y|luego|e|poi|en|dan|i|ve)[ ])?(?:the[ ])?(?:hash|pound|star|asterisk|raute|rautetaste|stern|sternchen|dièse|étoile|"
    r"almohadilla|numeral|asterisco|cancelletto|hekje|sterretje|cardinal|jogo da velha|krzyżyk|gwiazdka|kare|yıldız|решётка|решетка|звёздочка|звездочка)(?:[ ](?:key|sign))?(?![^\W_])",
    re.IGNORECASE,
)
_EXPIRES = re.compile(
    r"(?<![^\W_])(?:exp|expiry|expires|expiration|valid (?:thru|until|to|till)|good (?:thru|until)|gültig bis|läuft(?: \w+)? ab|ablaufdatum|expire|expiration|"
    r"caduca|caducidad|vence|scade|scadenza|geldig tot|verloopt|validade|ważna do|geçerlilik)(?: date| le| el| il| em| em)?[ :,]{0,3}(?:is |in |on )?\Z",
    re.IGNORECASE,
)
CODE_DIGITS_MIN, CODE_DIGITS_MAX = 3, 8
LABEL_CHARACTERS = 72  # in which a word says what a spoken number opens, or that it is a card's last month


def _find(text: Text) -> Iterator[Finding]:
    if not text.is_ascii:
        for match in _HAN.finditer(text.normal):
            is_id = _beside(_ID_WORDS, text, *match.span())
            yield Finding(*match.span(), FindingType.NATIONAL_ID if is_id else FindingType.PHONE, 0.7, "spelled")
    if not are_close(text):
        return
    said_runs = [run for run in runs(text) if run[2]]
    has_card = False
    for index, (start, end, digits, said) in enumerate(said_runs):
        type_ = _number_type(text, start, end, digits, said)
        if type_ is None:
            before = text.normal[max(0, start - LABEL_CHARACTERS) : start]
            if has_card and _EXPIRES.search(before):
                yield Finding(start, end, FindingType.CARD, 0.8, "spelled")
            elif said >= CODE_DIGITS_MIN and _is_code(digits) and _LETS_IN.search(before):
                symbol = _SYMBOL.match(text.normal, end)
                yield Finding(start, symbol.end() if symbol else end, FindingType.SECRET, 0.8, "spelled")
            continue
        has_card = has_card or type_ is FindingType.CARD
        extension = _EXTENSION.match(text.normal, end)
        if extension and index + 1 < len(said_runs) and said_runs[index + 1][0] == extension.end():
            end = said_runs[index + 1][1]
        yield Finding(start, end, type_, 0.8, "spelled")


def _is_code(digits: str) -> bool:
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(digits)}
    return CODE_DIGITS_MIN <= len(digits) <= CODE_DIGITS_MAX and steps not in ({1}, {9})


def _number_type(text: Text, start: int, end: int, digits: str, said: int) -> FindingType | None:
    if said < WORDS_MIN or not DIGITS_MIN <= len(digits) <= DIGITS_MAX or _is_counting(digits):
        return None
    return _type(digits, text, start, end)


DETECTORS = (
    Detector(
        "spelled",
        frozenset(
            {FindingType.PHONE, FindingType.SECRET, FindingType.CARD, FindingType.NATIONAL_ID, FindingType.ACCOUNT}
        ),
        _find,
        (Evidence(SCOUTS), *each("〇零一二三四五六七八九", other_script=True)),
    ),
)
