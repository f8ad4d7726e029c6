"""Values that the name of their field explains: columns of CSV and Markdown tables, SQL inserts, `key=value` and JSON."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from node.privacy.detectors.base import Detector, Evidence, Text, each
from node.privacy.detectors.handles import is_account
from node.privacy.findings import Finding, FindingType
from node.privacy.gazetteer import is_family, is_given, is_known, is_word
from node.privacy.wordlist import words

T = FindingType
COLUMNS_MAX = 60
_CODE_MARKS = frozenset("()[]{}=<>'")
HEADER_CHARACTERS_MAX = 40  # of one cell
VALUE_CHARACTERS_MAX = 200
NAME_PIECES_MAX = 4

_SURNAMES = words(
    "lastname lastnames surname surnames familyname lname nachname familienname nom nomdefamille apellido apellidos cognome sobrenome "
    "achternaam nazwisko soyad soyadı maidenname 姓 фамилия apellidopaterno apellidomaterno"
)
_GIVEN = words("firstname givenname fname forename vorname prénom prenom nombre voornaam imię imie ad adı 名 フリガナ")
_FULL = words(
    "fullname name displayname contactname customername clientname patientname employeename studentname ownername "
    "cardholder accountholder beneficiary passenger rider guest attendee participant tenant patient employee "
    "student teacher supervisor spouse nomcomplet nombrecompleto nomecompleto nomeecognome nome naam adsoyad isim "
    "imięinazwisko mitarbeiter mitarbeiterin ansprechpartner ansprechpartnerin kunde kundin teilnehmer schüler "
    "bewohner mieter salarié salariée élève empleado empleada alumno alumna cliente dipendente alunno funcionário "
    "klant medewerker leerling pracownik klient uczeń müşteri çalışan öğrenci 氏名 名前 お名前 姓名 担当者 患者名 客户 员工 患者 الاسم "
    "lastfirst firstlast lastnamefirstname firstnamelastname surnamefirstname namesurname namelastname nachnamevorname namevorname vornamename nomprénom prénomnom nomprenom "
    "apellidosnombre apellidosynombre apellidonombre cognomenome nazwiskoimię soyadad "
    "membername pupil pupilname childname parentname guardianname guardian resident residentname volunteer volunteername donor donorname payee payeename payer recipient "
    "recipientname sendername sender assignedto reportedby contactperson emergencycontact nextofkin agentname staffname staffmember doctorname nurse caregiver carer "
    "applicant applicantname candidate candidatename tutor mentor mentee trainee apprentice intern landlord lodger crew driver drivername rider bride groom godparent coach referee "
    "vollername kundenname kundin ansprechpartnerin teilnehmerin teilnehmername schülerin bewohnerin mieterin patientin bewerber bewerberin fahrer fahrerin betreuer betreuerin empfänger spender "
    "bénéficiaire bénévole locataire adhérent adhérente participante élèves patiente nomclient candidat chauffeur destinataire "
    "nombrecliente paciente inquilino inquilina socio socia voluntario voluntaria solicitante destinatario conductor beneficiario alumnos titular "
    "paziente inquilino inquilina socio volontario beneficiario intestatario autista candidato corsista nominativo "
    "huurder patiënt deelnemer vrijwilliger chauffeur bewoner ontvanger sollicitant aluno aluna beneficiário inquilino paciente funcionária sócio voluntário motorista destinatário nomedocliente "
    "pacjent pacjentka najemca uczestnik kierowca wolontariusz odbiorca lokator hasta kiracı katılımcı sürücü gönüllü alıcı personel "
    "社員 社員名 従業員 従業員名 顧客 顧客名 顧客氏名 会員 会員名 生徒 生徒名 学生 学生名 児童名 参加者 参加者名 予約者 予約者名 保護者 保護者名 申込者 受取人 宛名 利用者 利用者名 入居者 契約者 担当 講師 "
    "客户姓名 学生姓名 员工姓名 联系人 收件人 寄件人 负责人 经办人 病人 家长 会员 租客 业主 申请人 员工名 學生 病患 聯絡人 收件者 員工 "
    "이름 성명 직원 직원명 고객 고객명 담당자 환자 환자명 학생 회원 수취인 참가자 예약자 보호자 세입자 "
    "اسم الموظف العميل المريض الطالب المستلم المستأجر שם שםמלא עובד לקוח מטופל תלמיד דייר נמען "
    "नाम कर्मचारी ग्राहक मरीज मरीज़ छात्र किरायेदार ชื่อ ชื่อสกุล ผู้ป่วย ลูกค้า พนักงาน นักเรียน ผู้เช่า имя фио сотрудник клиент пациент ученик участник жилец водитель όνομα πελάτης"
)
_FIELDS: dict[FindingType, frozenset[str]] = {
    T.PERSON: _SURNAMES | _FULL,
    T.GIVEN_NAME: _GIVEN,
    T.SECRET: words(
        "pass password passwd pwd pw passphrase secret apikey accesskey secretkey privatekey token accesstoken "
        "clientsecret pin passwort kennwort motdepasse mdp contraseña clave senha wachtwoord hasło şifre parola "
        "パスワード 密码 暗証番号"
    ),
    T.PHONE: words(
        "phone phonenumber telephone tel mobile mobilenumber cell cellphone fax telefon telefonnummer handy mobil "
        "téléphone portable teléfono movil móvil telefono cellulare telefoon mobiel telefone celular komórka gsm "
        "電話 電話番号 电话 手机 手机号 الهاتف"
    ),
    T.BIRTH_DATE: words(
        "dob birth birthday birthdate dateofbirth geburtsdatum geburtstag geb datedenaissance naissance "
        "fechadenacimiento nacimiento datadinascita nascita geboortedatum datadenascimento nascimento "
        "dataurodzenia doğumtarihi 生年月日 出生日期"
    ),
    T.ADDRESS: words(
        "address streetaddress street homeaddress adresse anschrift straße strasse rue dirección direccion "
        "domicilio indirizzo adres endereço adresa adresi 住所 地址"
    ),
    T.PLACE: words("city town ort stadt wohnort ville ciudad città cidade woonplaats miasto şehir"),
    T.NATIONAL_ID: words(
        "ssn socialsecuritynumber sin nino nationalid taxid passport passportnumber passportno dni nie nif bsn pesel "
        "cpf codicefiscale steuerid tckimlikno 身份证 身份证号 マイナンバー"
    ),
    T.ACCOUNT: words("iban accountnumber accountno konto kontonummer compte cuenta rekening routingnumber 口座番号"),
    T.CARD: words("card cardnumber creditcard kartennummer numérodecarte tarjeta"),
    T.MEDICAL_ID: words("mrn patientid nhsnumber insurancenumber policynumber versichertennummer"),
    T.REFERENCE: words(
        "customerid clientid employeeid studentid customernumber kundennummer personalnummer memberid caseid casenumber"
    ),
    T.HANDLE: words(
        "user username userid login account nick nickname handle benutzer benutzername usuario utilisateur alias uid loginname logon screenname samaccountname gamertag "
        "benutzerkennung kennung identifiant pseudo apodo nomeutente utente gebruikersnaam gebruiker użytkownik kullanıcı owner assignee author reviewer createdby updatedby "
        "pseudonym telegram discord slack github instagram twitter логин ник ユーザー名 ハンドル 用户名 账号 昵称 アカウント 아이디 닉네임"
    ),
}
_TYPE_OF = {name: type_ for type_, names in _FIELDS.items() for name in names}
# Fields that name things as often as people: they count where another column of the table is somebody's.
_DOUBTFUL = words(
    "name nom nome naam nombre ad 名 名前 cliente kunde klient klant account user owner author alias github slack sender recipient driver conductor coach agent titular student teacher tutor guest resident candidate hasta socio 学生 担当 city town ort stadt ville address token"
)
_PERSONAL = frozenset({T.PERSON, T.GIVEN_NAME, T.PHONE, T.BIRTH_DATE, T.NATIONAL_ID, T.SECRET, T.MEDICAL_ID, T.HANDLE})
_ALSO_PERSONAL = words(
    "email mail emailaddress e-mail age alter âge edad età salary gehalt salaire sueldo stipendio role position poste "
    "job department abteilung grade class klasse classe rank prime bonus diagnosis zip postcode plz 部署 年齢 工资 部门"
)
_NAMES_NOBODY = words(
    "admin administrator root user test tester guest null none nil n/a na unknown default system service daemon nobody "
    "anonymous public www-data ubuntu postgres mysql sa dev developer operator deploy git backup example foo bar baz "
    "password pass token login email mail host true false string varchar text int integer char not"
)
_SQUEEZE = re.compile(r"[\s_*`\"'.:,/&()-]+")
_NAME_VALUE = re.compile(r"[^\W\d_][^\d_@/\\<>{}()=|;:]{0,58}[^\W\d_.]\.?|[^\W\d_]")
_HANDLE_VALUE = re.compile(r"[^\W_][\w.@-]{1,40}")
_CSV_CELL = re.compile(r'\s*"(?P<quoted>(?:[^"]|""){0,400})"\s*|(?P<plain>[^,;\t|"\n]{0,400})')
_INSERT = re.compile(
    r"insert\s+(?:ignore\s+)?into\s+[\w.`\"\[\]]{1,80}\s*(?:\((?P<columns>[^()]{1,600})\)\s*)?values\s*", re.IGNORECASE
)
_TUPLE = re.compile(r"\s*\((?P<row>(?:'(?:[^'\\]|\\.|'')*+'|[^()'])*+)\)\s*,?")
_SQL_VALUE = re.compile(r"\s*(?:N?'(?P<quoted>(?:[^'\\]|\\.|'')*+)'|(?P<plain>[^,']*+))\s*(?:,|\Z)")
_BIRTH_LIKE = re.compile(r"(?:19[2-9]\d|200\d|201\d)-\d\d-\d\d")
_TWO_CAPITALS = re.compile(r"[A-ZÀ-ÖØ-ÞŁŚŻ][^\W\d_]+(?:[ '-][^\W\d_]+)*[ -][A-ZÀ-ÖØ-ÞŁŚŻ][^\W\d_]+")
_JOINT = re.compile(r"[:=][=>]?\s{0,2}")
_KEY = re.compile(r"(?<![^\W_])(?P<key>[^\W\d_]{1,25}(?:[ _.-][^\W\d_]{1,24}){0,2})[\"'`]?[ \t]{0,2}\Z")
_TAG = re.compile(r"<(?P<key>[^\W\d][\w:.-]{0,30})(?:\s[^<>]{0,120})?>(?P<value>[^<>\n]{2,160})</")
_QUOTED = re.compile(r"(?P<quote>[\"'`])(?P<value>[^\"'`\n]{1,80})(?P=quote)")
_BARE = re.compile(r"(?P<value>[^\s\"'`,;|(){}<>\[\]&=]{2,60})")
# Fields of a record or of a log line that somebody's name or login stands in, beyond those of tables.
_ROLES = words(
    "driver rider caller callee owner assignee reporter reviewer sender recipient holder occupant nurse author"
)
_KEYED = {name: t for name, t in _TYPE_OF.items() if t in (T.PERSON, T.GIVEN_NAME, T.HANDLE)} | dict.fromkeys(
    _ROLES, T.PERSON
)
# What the last word of such a field's name can be, however the name is cut into words.
_KEY_ENDS = frozenset(name[at:] for name in _KEYED for at in range(len(name)))
_LISTED = re.compile(
    r"[^\W_]{2,25}[\"'`]?[ \t]{0,2}[:=][ \t]{0,2}[\[({][ \t\n]{0,8}"
    r"(?P<values>(?:(?:\"[^\"\n]{1,60}\"|'[^'\n]{1,60}')[ \t\n,]{0,12}){1,60})"
)
_LIST_NAMES = words(
    "who names people persons users members employees staff students pupils patients customers clients guests attendees participants drivers riders tenants "
    "volunteers donors speakers players candidates applicants friends family kids children colleagues team contacts winners namen personen mitarbeiter kunden "
    "noms personnes élèves invités nombres personas alumnos nomi persone nomes pessoas imiona osoby isimler"
)
_LOGIN_LISTS = words(
    "usernames logins accounts handles nicks assignees reviewers owners maintainers authors approvers admins codeowners uids memberuid"
)
_LISTS = _KEYED | dict.fromkeys(_LIST_NAMES, T.PERSON) | dict.fromkeys(_LOGIN_LISTS, T.HANDLE)
_LIST_KEYS = frozenset(_LISTS)
_KEYED_DOUBTFUL = words("name nom nome naam nombre ad patient account 名 user")


def _squeezed(header: str) -> str:
    return _SQUEEZE.sub("", header).lower()


@dataclass(frozen=True, slots=True)
class _Columns:
    types: dict[int, FindingType]  # of the columns whose header tells what they hold
    names: tuple[str, ...]  # of all columns, squeezed
    is_sure: bool  # else each value must show by itself that it is somebody's


def _columns(cells: Sequence[str]) -> _Columns:
    names = tuple(_squeezed(cell) for cell in cells)
    types = {n: _TYPE_OF[name] for n, name in enumerate(names) if name in _TYPE_OF}
    is_sure = (
        any(type_ in _PERSONAL and names[n] not in _DOUBTFUL for n, type_ in types.items())
        or any(name in _ALSO_PERSONAL for name in names)
        or sum(names[n] in _DOUBTFUL for n in types) > 1
    )
    return _Columns(types, names, is_sure)


def _shows(type_: FindingType, value: str) -> bool:
    if type_ is T.HANDLE:
        return len(value) > 3 and is_account(value)
    return type_ in (T.PERSON, T.GIVEN_NAME) and _is_full_name(value)


def _is_full_name(value: str) -> bool:
    """Of two words and more, of which one is what people are called and none of the others an ordinary word."""
    pieces = [piece.strip(".,") for piece in value.split()]
    called = [piece for piece in pieces if is_given(piece) or is_family(piece)]
    return (
        2 <= len(pieces) <= NAME_PIECES_MAX
        and bool(called)
        and all(piece in called or (piece[:1].isupper() and not is_word(piece.lower())) for piece in pieces)
    )


def _may_be_full(value: str) -> bool:
    """Two words with capitals that the world does not know as a thing's."""
    if _TWO_CAPITALS.fullmatch(value) is None or is_known(value):
        return False
    return not all(is_word(piece.lower()) for piece in re.split(r"[ -]", value))


def _holds(type_: FindingType, value: str) -> bool:
    """Whether a value can be what its field says."""
    if not value or len(value) > VALUE_CHARACTERS_MAX or value.lower() in _NAMES_NOBODY or value[0] in "[<{$":
        return False
    digits = sum(c.isdigit() for c in value)
    if type_ in (T.PERSON, T.GIVEN_NAME):
        return _NAME_VALUE.fullmatch(value) is not None and not value.isspace() and len(value) > 1
    if type_ is T.HANDLE:
        return _HANDLE_VALUE.fullmatch(value) is not None and not value.isdigit()
    if type_ is T.SECRET:
        return len(value) >= 4 and value.strip("*•x-") != ""
    if type_ in (T.ADDRESS, T.PLACE):
        return any(c.isalpha() for c in value) and len(value) > 2
    return digits >= (4 if type_ in (T.BIRTH_DATE, T.REFERENCE) else 5)


def _typed(type_: FindingType, header_name: str, value: str) -> FindingType:
    """A first name alone says less than a full one."""
    if type_ is T.PERSON and header_name not in _SURNAMES and value.isascii() and " " not in value.strip():
        return T.GIVEN_NAME
    return type_


def _cells(line: str, delimiter: str) -> list[tuple[int, int]]:
    """The cells of a line, quotes left out. A quoted cell may hold the delimiter."""
    if '"' not in line:
        spans, at = [], 0
        for piece in line.split(delimiter):
            spans.append((at, at + len(piece)))
            at += len(piece) + 1
        return spans
    spans, at = [], 0
    while at <= len(line):
        quoted = _CSV_CELL.match(line, at)
        if (
            quoted is not None
            and quoted.group("quoted") is not None
            and line[quoted.end() : quoted.end() + 1] in ("", delimiter)
        ):
            spans.append(quoted.span("quoted"))
            at = quoted.end() + 1
            continue
        end = line.find(delimiter, at)
        end = len(line) if end < 0 else end
        spans.append((at, end))
        at = end + 1
    return spans


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start] in " \t\r*`":
        start += 1
    while start < end and text[end - 1] in " \t\r*`":
        end -= 1
    return start, end


def _is_header(cells: Sequence[str]) -> bool:
    """`cells`: without those that the outer bars of a Markdown table make."""
    return 2 <= len(cells) <= COLUMNS_MAX and all(
        0 < len(cell) <= HEADER_CHARACTERS_MAX and not any(c.isdigit() or c in _CODE_MARKS for c in cell)
        for cell in cells
    )


def _find_columns(text: Text) -> Iterator[Finding]:
    if not text.has_any(",;\t|"):
        return
    at = 0
    columns: _Columns | None = None
    delimiter = ""
    for line in text.normal.split("\n"):
        spans = [_trimmed(line, *span) for span in _cells(line, delimiter)] if columns else []
        if columns and len(spans) == len(columns.names):
            for n, type_ in columns.types.items():
                start, end = spans[n]
                value = line[start:end]
                if _holds(type_, value) and (columns.is_sure or _shows(type_, value)):
                    yield Finding(at + start, at + end, _typed(type_, columns.names[n], value), 0.85, "columns")
        else:
            columns = None
            for delimiter in ("|", "\t", ";", ","):
                if delimiter in line and len(line) < HEADER_CHARACTERS_MAX * COLUMNS_MAX:
                    cells = [line[slice(*_trimmed(line, *span))] for span in _cells(line, delimiter)]
                    inner = cells[1:-1] if delimiter == "|" and not cells[0] and not cells[-1] else cells
                    if _is_header(inner) and (told := _columns(cells)).types:
                        columns = told
                        break
        at += len(line) + 1


def _find_inserts(text: Text) -> Iterator[Finding]:
    for insert in _INSERT.finditer(text.normal):
        names = [_squeezed(name) for name in (insert.group("columns") or "").split(",")]
        types = {n: _TYPE_OF[name] for n, name in enumerate(names) if name in _TYPE_OF}
        at = insert.end()
        while row := _TUPLE.match(text.normal, at):
            yield from _row(text.normal, row.span("row"), types, names)
            at = row.end()


def _row(text: str, span: tuple[int, int], types: dict[int, FindingType], names: Sequence[str]) -> Iterator[Finding]:
    at, n = span[0], 0
    has_name = _TWO_CAPITALS.search(text, *span) is not None
    while at < span[1] and (cell := _SQL_VALUE.match(text, at, span[1])):
        group = "quoted" if cell.group("quoted") is not None else "plain"
        value, type_ = cell.group(group).strip(), types.get(n)
        if type_ is None and has_name and _BIRTH_LIKE.fullmatch(value):
            type_ = T.BIRTH_DATE
        if value and type_ is not None and _holds(type_, value):
            start = cell.start(group) + cell.group(group).index(value)
            yield Finding(
                start, start + len(value), _typed(type_, names[n] if n < len(names) else "", value), 0.85, "inserts"
            )
        if cell.end() == at:
            return
        at, n = cell.end(), n + 1


def _find_keyed(text: Text) -> Iterator[Finding]:
    """`lname='Ostrander'`, `"rider": "Lucasta"`, `user=inaya.k`."""
    for joint in _JOINT.finditer(text.normal):
        last = text.spaced[max(0, joint.start() - 40) : joint.start() + 1].split()[-1:]
        if not last or last[0] not in _KEY_ENDS:
            continue
        key = _KEY.search(text.normal[max(0, joint.start() - 40) : joint.start()])
        if key is None:
            continue
        name = _squeezed(key.group("key"))
        if name not in _KEYED:
            name = _squeezed(re.split(r"[ _.-]", key.group("key"))[-1])
        type_ = _KEYED.get(name)
        if type_ is None:
            continue
        quoted = _QUOTED.match(text.normal, joint.end())
        value = quoted or _BARE.match(text.normal, joint.end())
        tight = text.normal[joint.start() : joint.end()] in ("=", ":")
        if (
            value is None
            or (quoted is None and not tight)
            or (name in _KEYED_DOUBTFUL and quoted is None and type_ is not T.HANDLE)
        ):
            continue
        said = value.group("value")
        if type_ is T.HANDLE and _TWO_CAPITALS.fullmatch(said):
            type_ = T.PERSON
        if type_ is T.HANDLE and not is_account(said):
            continue
        if name in _KEYED_DOUBTFUL and type_ is not T.HANDLE and type_ is not T.PERSON:
            continue
        if name in _KEYED_DOUBTFUL and type_ is T.PERSON and not _TWO_CAPITALS.fullmatch(said):
            continue
        if not _holds(type_, said) or (type_ is not T.HANDLE and not _looks_like_a_name(said)):
            continue
        yield Finding(*value.span("value"), _typed(type_, name, said), 0.8, "fields")


def _find_listed(text: Text) -> Iterator[Finding]:
    """`"who": ["Ada Byron", "G. Hopper"]`, `reviewers = ("ines.k", "tvoss")`."""
    for key in _LIST_KEYS & text.vocabulary:
        for word in text.at_word(key):
            if listed := _LISTED.match(text.normal, word.start):
                yield from _listed(text, listed.span("values"), _LISTS[key])


def _listed(text: Text, span: tuple[int, int], type_: FindingType) -> Iterator[Finding]:
    values = list(_QUOTED.finditer(text.normal, *span))
    # Where one of a list is a full name, the others are names.
    is_sure = any(_may_be_full(value.group("value")) for value in values)
    for value in values:
        said = value.group("value")
        shows = is_account(said) if type_ is T.HANDLE else is_sure
        if shows and _holds(type_, said) and (type_ is T.HANDLE or _looks_like_a_name(said)):
            yield Finding(*value.span("value"), _typed(type_, "", said), 0.8, "listed")


def _find_tags(text: Text) -> Iterator[Finding]:
    """`<surname>Bloom</surname>`."""
    for match in _TAG.finditer(text.normal):
        name = _squeezed(match.group("key").rpartition(":")[2])
        type_ = _TYPE_OF.get(name)
        value = match.group("value").strip()
        if type_ is None or not _holds(type_, value):
            continue
        if type_ in (T.PERSON, T.GIVEN_NAME) and name in _KEYED_DOUBTFUL and not _TWO_CAPITALS.fullmatch(value):
            continue
        start = match.start("value") + match.group("value").index(value)
        yield Finding(start, start + len(value), _typed(type_, name, value), 0.85, "tags")


def _looks_like_a_name(value: str) -> bool:
    """A capital and a small letter, or a script without capitals."""
    return (value[0].isupper() and (value[1:2].islower() or value[1:2] == ".")) or value[0].lower() == value[0].upper()


DETECTORS = (
    Detector(
        "columns",
        frozenset(_FIELDS),
        _find_columns,
        (Evidence(holds=("\n",)),),
    ),
    Detector("inserts", frozenset(_FIELDS), _find_inserts, (Evidence(holds=("insert", "values")),)),
    Detector("listed", frozenset({T.PERSON, T.GIVEN_NAME, T.HANDLE}), _find_listed, (Evidence(_LIST_KEYS),)),
    Detector("tags", frozenset(_FIELDS), _find_tags, each(("</",))),
    Detector(
        "fields",
        frozenset({T.PERSON, T.GIVEN_NAME, T.HANDLE}),
        _find_keyed,
        (Evidence(_KEY_ENDS, holds=(":",)), Evidence(_KEY_ENDS, holds=("=",))),
    ),
)
