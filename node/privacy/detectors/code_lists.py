"""Lists of codes that each let their owner in once, keys in groups, and the words that a wallet is made of."""

import re
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Evidence, Text, each
from node.privacy.findings import Finding, FindingType
from node.privacy.wordlist import words

_LABEL = re.compile(
    r"(?<![^\W_])(?:(?:back[- ]?up|recovery|rescue|emergency|one[- ]time|single[- ]use|scratch|2fa|mfa|two[- ]factor|restore|reserve)[ -](?:\w{2,12}[ ])?codes?|"
    r"(?:wiederherstellungs|ersatz|notfall|einmal|backup-?|sicherungs|herstel|reserve|back-up)codes?|"
    r"codes?[ ]de[ ](?:secours|récupération|sauvegarde|backup)|c[óo]digos?[ ]de[ ](?:respaldo|recuperación|recuperação|reserva|backup|emergencia|segurança)|"
    r"codic[ei][ ]di[ ](?:backup|recupero|riserva|emergenza)|k[óo]dy?[ ](?:zapasow[ey]|odzyskiwania|awaryjn[ey]|jednorazow[ey])|"
    r"(?:yedek|kurtarma)[ ]kod\w{0,6}|(?:резервны[ей]|запасны[ей]|одноразовы[ей])[ ]код\w?|код\w?[ ]восстановления)(?![^\W_])|"
    r"(?:バックアップ|リカバリー)コード|备用码|恢复码|备份(?:代)?码|(?:백업|복구)[ ]?코드",
    re.IGNORECASE,
)
_LABEL_WORDS = words(
    "codes code wiederherstellungscodes wiederherstellungscode ersatzcodes ersatzcode notfallcodes einmalcodes einmalcode "
    "backupcodes sicherungscodes herstelcodes reservecodes código códigos codigo codigos codici codice kody kod kodlar kodları "
    "kodlarım kodlarımız kodlarımı код коды кодов"
)
_UNSPACED_LABELS = words("バックアップコード リカバリーコード 备用码 恢复码 备份码 备份代码 백업 복구")
_INTRO = re.compile(
    r"[^\W\d_]{0,2}(?:[ ](?:for|für|pour|para|per|voor|do|dla)(?:[ ][^\W\d_]{1,14}){1,3}|[ ]\([^()\n]{1,24}\))?"
    r"(?:[ \t]?[:：=-]|,[^\d\n:.]{1,28}:|[ ](?:are|is|sind|sont|son|sono|zijn|to|są|são|lauten)(?![^\W_])|[ は是为는])?"
)
_ITEM = re.compile(
    r"(?:[\s,;、，/|•*\"'`\[-]|\d{1,2}[.)]\s|(?<!\w)(?:and|und|et|y|e|en|i|ve|и)\s)*"
    r"(?P<value>\d{3,4}[ ]\d{3,4}(?!\w)|(?=[A-Za-z-]{0,12}\d)[A-Za-z0-9]{3,14}(?:-[A-Za-z0-9]{3,14}){0,4}(?![\w-]))"
)
ITEMS_MAX = 40
ITEM_CHARACTERS_MIN = 5
# Keys in groups: of disks (BitLocker) by their shape, of products beside their label.
_GROUPS = re.compile(r"(?<![\w-])\d{6}(?:-\d{6}){7}(?![\w-])")
_PRODUCT = re.compile(
    r"(?:licen[cs]e|product|serial|activation|registration|cd|lizenz|produkt|activation|licencia|producto|licenza|prodotto)[ -]?"
    r"(?:key|number|code|schlüssel)?s?[\s:=]{1,3}(?:is[ ])?(?P<value>(?=[A-Z-]{0,30}\d)[A-Z0-9]{4,6}(?:-[A-Z0-9]{4,6}){2,6})(?![\w-])",
    re.IGNORECASE,
)
_PRODUCT_WORDS = words(
    "license licence product serial activation registration cd lizenz lizenzschlüssel produkt produktschlüssel licencia producto licenza prodotto"
)
_WALLET_WORDS = words(
    "seed seedphrase mnemonic mnemonics wallet metamask ledger trezor bip39 recovery portefeuille cartera billetera "
    "portafoglio wiederherstellungsphrase words wörter mots palabras parole woorden palavras słów"
)
_COUNTED_WORDS = words("words wörter mots palabras parole woorden palavras słów")
_COUNTS = words("12 24 twelve zwölf vierundzwanzig douze doce dodici twaalf doze dwanaście")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_OF_WALLET = re.compile(r"[a-z]{3,8}")
_BETWEEN = re.compile(r"[\s,]{0,3}(?:\d{1,2}[.):]?\s{0,2})?")
WALLET_WORDS_MIN = 12
# Words that no list for wallets has (BIP 39), and no sentence is long without.
_OF_SENTENCES = words("the and for are was were his her has had from our not which would been did its them")
_S = FindingType.SECRET


def _find_lists(text: Text) -> Iterator[Finding]:
    for label in _LABEL.finditer(text.normal):
        intro = _INTRO.match(text.normal, label.end())
        at = intro.end() if intro else label.end()
        for _ in range(ITEMS_MAX):
            item = _ITEM.match(text.normal, at)
            if item is None:
                break
            at = item.end()
            if len(item.group("value")) >= ITEM_CHARACTERS_MIN:
                yield Finding(*item.span("value"), _S, 0.85, "code_lists")


def _find_grouped(text: Text) -> Iterator[Finding]:
    for match in _GROUPS.finditer(text.normal):
        yield Finding(*match.span(), _S, 0.95, "grouped_keys")
    for word in text.at_words(_PRODUCT_WORDS):
        if product := _PRODUCT.match(text.normal, word.start):
            yield Finding(*product.span("value"), _S, 0.85, "grouped_keys")


def _find_wallets(text: Text) -> Iterator[Finding]:
    """Twelve words and more, each of a few small letters, that make no sentence."""
    if (_WALLET_WORDS - _COUNTED_WORDS).isdisjoint(text.vocabulary) and _COUNTS.isdisjoint(text.vocabulary):
        return
    run: list[re.Match[str]] = []
    for word in _WORD.finditer(text.normal):
        if run and not _BETWEEN.fullmatch(text.normal, run[-1].end(), word.start()):
            yield from _of_wallet(run)
            run = []
        if _OF_WALLET.fullmatch(word.group()) and word.group() not in _OF_SENTENCES:
            run.append(word)
        else:
            yield from _of_wallet(run)
            run = []
    yield from _of_wallet(run)


def _of_wallet(run: list[re.Match[str]]) -> Iterator[Finding]:
    if len(run) >= WALLET_WORDS_MIN and len({word.group() for word in run}) > len(run) * 3 // 4:
        yield Finding(run[0].start(), run[-1].end(), _S, 0.85, "wallet_words")


_TYPES = frozenset({_S})
DETECTORS = (
    Detector(
        "code_lists",
        _TYPES,
        _find_lists,
        (Evidence(_LABEL_WORDS, digits=3), *each(_UNSPACED_LABELS, digits=3, other_script=True)),
    ),
    Detector(
        "grouped_keys",
        _TYPES,
        _find_grouped,
        (Evidence(_PRODUCT_WORDS, holds=("-",), digits=1), Evidence(holds=("-",), digits=14, run=30)),
    ),
    Detector("wallet_words", _TYPES, _find_wallets, (Evidence(_WALLET_WORDS),)),
)
