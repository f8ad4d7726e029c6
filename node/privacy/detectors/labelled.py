"""Numbers that only the label beside them explains: passports, licences, tax, medical records, policies, files."""

import re
from collections.abc import Iterator

from node.privacy.detectors.base import COUNTED, Detector, Evidence, Text, each
from node.privacy.findings import Finding, FindingType
from node.privacy.wordlist import words

_NUMBER_WORD = r"(?:[ _-]?(?:n°|n\.?º|n\.|number|numbers|no|nr|num|id|#|№|numéro|número|numero|nummer|code))?"
_JOIN = r"(?:[ \t]?[.:=#№][ \t]?|[ \t]|[ \t](?:is|was|ist|est|es|è|:)[ \t]){0,3}[\"'(]?"
_VALUE = r"(?P<value>(?=[\w./-]{0,12}\d)[A-Za-z0-9]{1,24}(?:[ ./-](?=[A-Za-z]{0,12}\d)[A-Za-z0-9]{1,24}){0,5}(?:[/-][A-Za-z]{1,2})?)(?![\w])"

_LABELS: dict[FindingType, str] = {
    FindingType.NATIONAL_ID: (
        r"passport|passeport|reisepass|pasaporte|passaporto|paspoort|driver'?s?[ -]licen[cs]e|driving licen[cs]e|"
        r"führerschein|permis de conduire|patente di guida|tax[ -]?(?:payer)?[ -]?id|tax file|steuernummer|steuer-id|tin|"
        r"itin|ein|national id|identity card|personalausweis|(?:nr |numer )?dow[oó]du?(?: osobistego)?|id card|visa|green card|alien registration|social security|"
        r"social insurance|ssn|dl|vat|vatin|ust-?id(?:-?nr)?|umsatzsteuer-id|btw|tva|partita iva|abn|acn|nric|паспорт|паспорта|"
        r"sozialversicherungsnummer|rentenversicherungsnummer|utr|unique tax(?:payer)? reference|tax reference|steuernr|st\.?-?(?=nr)|paye(?: ref(?:erence)?)?|"
        r"num[ée]ro fiscal|n[úu]mero fiscal|codice fiscale|fiscaal nummer|sofinummer|vergi|id(?=[ -]?(?:number|no\b|nummer))|aadhaar|uid(?=[ :\"]+\d)|residence permit|aufenthaltstitel|"
        r"titre de séjour|cédula|carte d['’]identité|carta d['’]identità|documento de identidad|kimlik"
    ),
    FindingType.MEDICAL_ID: (
        r"mbi|chi|taj(?: szám)?|krankenversicher(?:ten|ungs)nummer|mrn|medical record|patient(?:[ -]?id|[ -]number|[ -]no)|nhs|medicare|medicaid|member[ -]?id|"
        r"health (?:card|insurance|plan)|insurance(?: policy)?|policy|póliza|versicherten|versichertennummer|krankenkasse|"
        r"hosp(?:ital)?\.?(?=[ -]?(?:number|no|nr|n°|#|id))|chart (?:number|no)|health plan beneficiary|npi|dea|patient(?= ?#)|pt(?=\.? (?:no|id|#))|pat\.?(?=-? ?(?:nr|id))|"
        r"patient(?:en|ën)?(?:nummer|-?nr|-?id)|patiëntnummer|fallnummer|dossier m[ée]dical|dossier patient|n[úu]mero de (?:historia|paciente)|historia cl[íi]nica|cartella(?: clinica)?|"
        r"prontu[áa]rio|utente(?= n)|nr karty|karta pacjenta|hasta no|protokol no|номер карты|полис(?:а)?|unit number|ward number|rx"
    ),
    FindingType.REFERENCE: (
        r"n[úu]mero de cliente|num[ée]ro (?:de )?(?:client|dossier|salarié)|cliente|klantnummer|dossiernummer|dossier|zaaknummer|expediente|autos|"
        r"pratica|matricola|nota fiscal|protocolo|sygn(?:atura)?(?: akt)?|esas|müşteri|poli[çc]e|numéro de commande|bestellnummer|rechnungsnummer|"
        r"mitgliedsnummer|matrikelnummer|fahrgestellnummer|plate|matrícula|immatriculation|targa|kenteken|plaka|customer|client|case|docket|file|employee|staff|student|matriculation|personalnummer|kundennummer|aktenzeichen|az|"
        r"vertragsnummer|registration|booking|order|invoice|ticket|serial|vin|licen[cs]e plate|imei|kennzeichen|badge|brokerage|"
        r"loyalty|membership|tracking|claim|reservation|tenancy|lease|meter|mprn|mpan|permit|vehicle|voucher|receipt|transaction|confirmation|enrol?ment|crime|incident|warrant|inmate|"
        r"zählernummer|zähler(?=-?nr)|vorgangsnummer|vorgang|antragsnummer|ur-?(?=nr)|uvz-?(?=nr)|urkundenrolle|grundbuch(?: blatt)?|versicherungsschein|policennummer|schadennummer|"
        r"vertrags-?nr|kunden-?nr|rechnungs-?nr|auftrags-?nr|auftragsnummer|mitglieds-?nr|personal-?nr|mandatsreferenz|sinistre|r[ée]f[ée]rence|réf|contrat|siniestro|referencia|contrato|"
        r"sinistro|contratto|prenotazione|riferimento|polisnummer|contractnummer|lidnummer|apólice|processo|(?:numer )?(?:sprawy|polisy|umowy|zamówienia|rezerwacji)|sipariş|dosya|"
        r"номер (?:дела|договора|заказа|полиса)|ref(?:erence)?"
    ),
}
_PATTERNS = {
    type_: re.compile(rf"(?<![^\W_])(?:{labels}){_NUMBER_WORD}{_JOIN}{_VALUE}", re.IGNORECASE)
    for type_, labels in _LABELS.items()
}
# The first word of each label above: only there is the pattern tried.
_TRIGGERS = {
    FindingType.NATIONAL_ID: words(
        "passport passeport reisepass pasaporte passaporto paspoort driver drivers driver's driving führerschein "
        "permis patente tax taxpayer steuernummer steuer tin itin ein national identity personalausweis nr numer dowodu dowód id visa green "
        "dl vat vatin ust ustid ustidnr umsatzsteuer btw tva partita abn acn nric паспорт паспорта alien social ssn sozialversicherungsnummer rentenversicherungsnummer "
        "utr unique steuernr st paye numero numéro número codice fiscaal sofinummer vergi aadhaar uid residence aufenthaltstitel titre cédula carte carta documento kimlik"
    ),
    FindingType.MEDICAL_ID: words(
        "mbi chi taj krankenversichertennummer krankenversicherungsnummer mrn medical patient patientid nhs medicare medicaid member memberid health insurance policy póliza "
        "versicherten versichertennummer krankenkasse hospital chart npi dea hosp pt pat patientennummer patiëntennummer patientennr patientnummer patiëntnummer patientenid "
        "patienten fallnummer dossier número numero historia cartella prontuário prontuario utente nr karta hasta protokol номер полис полиса unit ward rx"
    ),
    FindingType.REFERENCE: words(
        "número numero numéro cliente klantnummer dossiernummer dossier zaaknummer expediente autos pratica matricola nota "
        "protocolo sygn sygnatura esas müşteri poliçe police bestellnummer rechnungsnummer mitgliedsnummer matrikelnummer "
        "fahrgestellnummer plate matrícula immatriculation targa kenteken plaka "
        "customer client case docket file employee staff student matriculation personalnummer kundennummer "
        "aktenzeichen az vertragsnummer registration booking order invoice ticket serial vin license licence "
        "imei kennzeichen badge brokerage loyalty membership tracking claim reservation tenancy lease meter mprn mpan permit vehicle voucher receipt transaction confirmation enrolment "
        "enrollment crime incident warrant inmate zählernummer zähler vorgangsnummer vorgang antragsnummer ur urnr uvz uvznr urkundenrolle grundbuch versicherungsschein policennummer "
        "schadennummer vertrags vertragsnr kunden kundennr rechnungs rechnungsnr auftrags auftragsnr auftragsnummer mitglieds mitgliedsnr personal personalnr mandatsreferenz sinistre "
        "référence reference réf ref contrat siniestro referencia contrato sinistro contratto prenotazione riferimento polisnummer contractnummer lidnummer apólice processo numer sprawy "
        "polisy umowy zamówienia rezerwacji sipariş dosya номер"
    ),
}
assert _TRIGGERS.keys() == _LABELS.keys()
# A court's file numbers: "Az. 17 O 4482/31", "RG n° 21/04567", "sygn. akt II K 123/20", "No. 2:31-cv-04417".
_COURT_WORDS = words(
    "az aktenzeichen geschäftszeichen gz rg r sygn sygnatura case no docket expediente autos esas zaaknummer rol proc processo procedimiento"
)
_COURT = re.compile(
    r"[^\W_]+\.?(?:\s?(?:akt|n°|n\.º|nº|no\.?|nr\.?|number|g\.?|:|#))*\s{0,2}"
    r"(?P<value>(?:(?:[IVX]{1,5}|\d{1,3}|C)\s[A-Z][A-Za-z]{0,3}\s\d{1,6}/\d{2,4}|\d{1,2}:\d{2}-[a-z]{2}-\d{3,6}|\d{2,4}/\d{3,7}|\d{3,7}/\d{2,4}))(?![\w/])",
    re.IGNORECASE,
)
# Labels in scripts that set no blank between label and number.
_UNSPACED_TYPES = {
    **dict.fromkeys(
        words(
            "身份证 身份证号 身份证号码 护照号 护照号码 护照 マイナンバー 個人番号 パスポート番号 旅券番号 免許証番号 驾驶证号 社保号"
        ),
        FindingType.NATIONAL_ID,
    ),
    **dict.fromkeys(
        words("病历号 医保号 医保卡号 患者番号 カルテ番号 保険証番号 診察券番号 保单号"), FindingType.MEDICAL_ID
    ),
    **dict.fromkeys(
        words(
            "客户号 客户编号 订单号 工号 学号 案号 会员号 车牌 车牌号 顧客番号 会員番号 社員番号 学籍番号 注文番号 事件番号"
        ),
        FindingType.REFERENCE,
    ),
}
_UNSPACED = re.compile(
    r"(?P<label>"
    + "|".join(sorted(_UNSPACED_TYPES, key=len, reverse=True))
    + r")\s?(?:[:：は为是]|です)?\s?(?P<value>[A-Za-z\u4e00-\u9fff]?[A-Za-z0-9](?:[-·]?[A-Za-z0-9]){3,20})"
)
VALUE_CHARACTERS_MIN = 5  # these words stand before short plain numbers too often: "case 3", "order 66"
VALUE_DIGITS_MIN = 3
_DAY, _MONTH = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])"
_YEAR_OR_AMOUNT = re.compile(
    rf"(?:19|20)\d\d|(?:{_DAY}[./-]{_MONTH}|{_MONTH}[./-]{_DAY})[./-](?:(?:19|20)\d\d|\d\d)|(?:19|20)\d\d-\d\d-\d\d|\d{{1,3}}-\d{{1,2}}"
)
# Codes of travel and of bookings, which may have few digits.
_BOOKING = re.compile(
    r"(?:pnr|record locator|(?:reservation|booking|confirmation) (?:code|reference|ref|number)|buchungscode|buchungsnummer|code de réservation|localizador|código de reserva|codice prenotazione|"
    r"reserveringscode|boekingscode|numer rezerwacji)[\s:=#]{1,3}(?:is |ist |est |es |è )?(?P<value>(?=[A-Z0-9]{0,5}\d)(?=[0-9]{0,5}[A-Z])[A-Z0-9]{6})(?!\w)",
    re.IGNORECASE,
)
_BOOKING_WORDS = words(
    "pnr record reservation booking confirmation buchungscode buchungsnummer code localizador código codice reserveringscode boekingscode numer"
)
# A number told by its beginning and its end, or by its last digits.
_STARTS_AND_ENDS = re.compile(
    r"(?:starts?|begins?|starting|beginning)(?:\s(?:with|in))?\s(?P<first>\d{3}[ -]?\d{2,3})(?:,?\s(?:and|then|but)\s(?:it\s)?|,\s)(?:ends?|ending|finishes)(?:\s(?:in|with|on))?\s(?P<last>\d{4})(?!\d)"
)
_HALF_WORDS = words("starts start begins begin starting beginning last")
_LAST_FOUR = re.compile(
    r"(?i:last (?:four|4)(?: digits)?(?: of (?:my|her|his|their|the) (?:social(?: security(?: number)?)?|ssn|national insurance|nino|passport|id))(?: are| is|:)?\s)(?P<last>\d{4})(?!\d)"
)


def _find(text: Text) -> Iterator[Finding]:
    for word in text.at_words(_COURT_WORDS):
        court = _COURT.match(text.normal, word.start)
        if court:
            yield Finding(*court.span("value"), FindingType.REFERENCE, 0.85, "labelled")
    if not text.is_ascii:
        for unspaced in _UNSPACED.finditer(text.normal):
            type_ = _UNSPACED_TYPES[unspaced.group("label")]
            yield Finding(*unspaced.span("value"), type_, 0.8, "labelled")
    for type_, pattern in _PATTERNS.items():
        for word in text.at_words(_TRIGGERS[type_]):
            match = pattern.match(text.normal, word.start)
            value = match.group("value") if match else ""
            if match and _tells(value) and not COUNTED.match(text.normal, match.end("value")):
                yield Finding(*match.span("value"), type_, 0.8, "labelled")


def _find_bookings(text: Text) -> Iterator[Finding]:
    for word in text.at_words(_BOOKING_WORDS):
        if match := _BOOKING.match(text.normal, word.start):
            yield Finding(*match.span("value"), FindingType.REFERENCE, 0.85, "bookings")


def _find_halves(text: Text) -> Iterator[Finding]:
    for word in text.at_words(_HALF_WORDS):
        if match := _STARTS_AND_ENDS.match(text.normal, word.start):
            yield Finding(*match.span("first"), FindingType.NATIONAL_ID, 0.8, "halves")
            yield Finding(*match.span("last"), FindingType.NATIONAL_ID, 0.8, "halves")
        elif match := _LAST_FOUR.match(text.normal, word.start):
            yield Finding(*match.span("last"), FindingType.NATIONAL_ID, 0.8, "halves")


def _tells(value: str) -> bool:
    digits = sum(c.isdigit() for c in value)
    return len(value) >= VALUE_CHARACTERS_MIN and digits >= VALUE_DIGITS_MIN and not _YEAR_OR_AMOUNT.fullmatch(value)


_PLATE_LABELS = words(
    "plate plates registration reg kennzeichen nummernschild immatriculation plaque matrícula matricula targa kenteken "
    "plaka placa rejestracyjny rejestracyjna rejestracja"
)
_PLATE = re.compile(
    r"[^\W_]+(?:[ \t](?i:number|no|nr|mark|is|was|ist|est|es|è|numer|n°|van|del|della|de)\.?){0,3}[ \t]?[:=]?[ \t]?[\"'“(]?"
    r"(?P<value>(?=[A-ZÄÖÜ0-9 -]{0,8}\d)[A-ZÄÖÜ0-9]{1,4}(?:[ -]{1,3}[A-ZÄÖÜ0-9]{1,5}){1,3}|(?=[A-Z]{1,3}\d{2,4}|\d{1,4}[A-Z]{1,3})[A-Z0-9]{5,8})(?![\w-])"
)


def _find_plates(text: Text) -> Iterator[Finding]:
    for word in text.at_words(_PLATE_LABELS):
        match = _PLATE.match(text.normal, word.start)
        if match and any(c.isalpha() for c in match.group("value")):
            yield Finding(*match.span("value"), FindingType.REFERENCE, 0.85, "plates")


DETECTORS = (
    Detector(
        "labelled",
        frozenset(_LABELS),
        _find,
        (
            Evidence(_COURT_WORDS.union(*_TRIGGERS.values()), digits=VALUE_DIGITS_MIN),
            *each(_UNSPACED_TYPES, other_script=True),
        ),
    ),
    Detector("bookings", frozenset({FindingType.REFERENCE}), _find_bookings, (Evidence(_BOOKING_WORDS, digits=1),)),
    Detector(
        "halves",
        frozenset({FindingType.NATIONAL_ID}),
        _find_halves,
        (Evidence(_HALF_WORDS, digits=4),),
    ),
    Detector("plates", frozenset({FindingType.REFERENCE}), _find_plates, (Evidence(_PLATE_LABELS, digits=1),)),
)
