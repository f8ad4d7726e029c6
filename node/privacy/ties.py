"""What ties a text to the life of somebody whom the world does not know: the writer's, or that of those around him.

A relation, a message to somebody, an appointment, what colleagues and neighbours do. In doubt there is a tie.
"""

import re

from node.privacy.detectors.lexicon import LEXICON
from node.privacy.detectors.special import ASKING
from node.privacy.wordlist import words

# Of these one is in every text that has a tie: where none is, the text is not searched.
_HINTS = words(
    "i my mine our ours we us dear regards sincerely boss landlord landlady tenant client customer patient employee "
    "colleague coworker neighbour neighbor classmate classmates roommate roommates flatmate girlfriend boyfriend fiancé "
    "fiancée fiance fiancee salary payroll owes owe owed invoice appointment interview contract lawsuit settlement passport "
    "password refund parcel delivery complain complains complained complaint complaints apologise apologised apologize "
    "apologized dismissal dismissed dismiss dismisses fired promotion promoted hired sacked suspended evicted onboarding "
    "intern interns probation remind invite congratulate reply ask tell call email mail e message letter note card text "
    "phone telephone address inbox cc bcc today tomorrow yesterday tonight night week weekend month morning afternoon "
    "evening monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays "
    "saturdays sundays birthday wedding meeting meetings office lunch dinner party rent flat apartment accounting upstairs "
    "downstairs clinic ward shift shifts schedule roster rota desk cubicle extension department hr manager supervisor team "
    "teams room coming paid unpaid pays notice ill sick late pregnant leaving absent away off here back retiring engaged "
    "divorced divorces divorce broke cheated cheating stole lied forgot quit resigned borrow borrowed lent park parked "
    "arrive arrives arrived failed passed skipped moved report reports works live lives earns custody husband wife ex "
    "account say answer help comfort convince persuade mein meine meiner meinem meinen meines unser unsere unserer unserem "
    "unseren unseres mon ma mes notre mi mis nuestro nuestra nuestros nuestras mio mia nostro nostra mijn onze meu minha"
)
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_TIE = re.compile(
    r"(?<!\w)(?:my|mine|our|ours|we|us|i (?:asked|told|met|know|called|wrote|got|saw|heard|have an? (?:friend|client|patient))|dear|regards|sincerely|"
    r"boss|land(?:lord|lady)|tenant|client|customer|patient|employee|colleague|coworker|neighbou?r|class ?mates?|room ?mates?|flatmate|girlfriend|boyfriend|"
    r"fianc[eé]e?|salary|payroll|owes?|owed|invoice|appointment|interview|contract|lawsuit|settlement|passport|password|refund|parcel|delivery|"
    r"complain\w*|apologi[sz]ed?|diagnos\w+|dismiss\w*|fired|promot(?:ion|ed)|hired|sacked|suspended|evicted|onboarding|interns?|probation|"
    r"remind|invite|congratulate|reply|(?:ask|tell|call|e-?mail|text|phone|message) (?=[A-Z])|e-?mail (?:to|from|for)|"
    r"(?:letter|note|message|card|text|email|mail) (?:to|for|from)|phone|telephone|address|inbox|b?cc|"
    rf"today|tomorrow|yesterday|tonight|(?:last|next|this) (?:night|week|weekend|month|morning|afternoon|evening|{_DAY})|on {_DAY}s?|{_DAY}['’]s|"
    r"birthday|wedding|meetings?|office|lunch|dinner|party|rent|flat|apartment|accounting|upstairs|downstairs|clinic|(?:the|in|to|from) ward|"
    r"shifts?|schedule|roster|rota|desk|cubicle|extension \d+|department|HR|(?:the|a|line|his|her|new|old|hiring) manager|supervisor|the team|teams|room \d+|"
    r"coming (?:to|over)|(?:un)?paid|pays|without notice|(?:is|was|has been|got) (?:ill|sick|late|pregnant|leaving|absent|away|off|here|back|retiring|engaged|divorced)|"
    r"broke up|cheat(?:ed|ing)|stole|lied|forgot|quit|resigned|borrow(?:ed)?|lent|park(?:ed)?|arrive[sd]?|failed the|passed the|skipped|moved (?:in|out)|"
    r"reports? to|works (?:for|at|with|under|in|from)|lives? (?:at|next|near|in)|earns|divorce[ds]?|custody|ex-?(?:husband|wife)|(?:his|her) (?:husband|wife|ex|account)|"
    r"should i (?:tell|say|ask|write|reply|answer)|(?:help|comfort|convince|persuade) (?:him|her|them)|"
    r"meine?[mnrs]?|unsere?[mnrs]?|mon|ma|mes|notre|nos|mi|mis|nuestr[oa]s?|mio|mia|nostr[oa]|mijn|onze|meu|minha)(?!\w)",
    re.IGNORECASE,
)
_REACHED = re.compile(r"\w@\w|\d{7}|\d[\d -]{8,}\d")
# In other scripts: mine, ours; dear; says, called, met, boss, colleague, friend.
_TIE_OTHER = re.compile(
    r"我的|我们|我們|我和|同事|老板|老闆|朋友|邻居|鄰居|私の|僕の|俺の|うちの|さんに|上司|同僚|友達|우리|제 |내 |мо[йяеи]\b|наш\w*|мі[йо]|коллег|начальник|"
    r"صديق|زميل|مدير|שלי|שלנו|חבר|मेर[ाेी]|हमार[ाेी]|আমার|ของฉัน|ของผม|μου|μας"
)
_WORD = re.compile(r"[^\W_]+")
_STEMS = tuple(
    sorted({term.rstrip("*") for type_ in LEXICON for term in LEXICON[type_] if term.endswith("*") and "_" not in term})
)
_WHOLE = frozenset(term for type_ in LEXICON for term in LEXICON[type_] if not term.endswith("*") and "_" not in term)
_NOW = words("is are has have needs takes will should must can gets says wants hasn't isn't 's now currently")


def find_tie(text: str) -> tuple[int, int] | None:
    """Where the text is tied to somebody's life; the first such place."""
    match = _REACHED.search(text) or (None if text.isascii() else _TIE_OTHER.search(text))
    if match is None and not _HINTS.isdisjoint(_WORD.findall(text.lower())):
        match = _TIE.search(ASKING.sub(lambda asking: " " * len(asking.group()), text))
    return match.span() if match else None


def tells_of_now(sentence: str) -> bool:
    """Whether it says of somebody, in the present, what is nobody's business: an illness, a debt, a trial."""
    found = _WORD.findall(sentence.lower())
    return any(word in _WHOLE or word.startswith(_STEMS) for word in found) and not _NOW.isdisjoint(found)
