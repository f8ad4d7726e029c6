"""What spaCy's code knows about strings and the model's package does not hold.

Source: spaCy 3.8 (MIT), spacy/symbols.pyx and spacy/lang/norm_exceptions.py.
"""

# Strings whose number is their place in spaCy's list of symbols. Left out: FLAG19 and DEPRECATED001 with their like,
# since only lower-case strings, shapes and ends of at most three characters are ever looked up.
_SYMBOLS = {
    1: """
    IS_ALPHA IS_ASCII IS_DIGIT IS_LOWER IS_PUNCT IS_SPACE IS_TITLE IS_UPPER LIKE_URL LIKE_NUM LIKE_EMAIL IS_STOP
    IS_OOV_DEPRECATED IS_BRACKET IS_QUOTE IS_LEFT_PUNCT IS_RIGHT_PUNCT IS_CURRENCY
    """,
    64: """
    ID ORTH LOWER NORM SHAPE PREFIX SUFFIX LENGTH CLUSTER LEMMA POS TAG DEP ENT_IOB ENT_TYPE HEAD SENT_START SPACY
    PROB LANG ADJ ADP ADV AUX CONJ CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X EOL SPACE
    """,
    380: """
    PERSON NORP FACILITY ORG GPE LOC PRODUCT EVENT WORK_OF_ART LANGUAGE LAW DATE TIME PERCENT MONEY QUANTITY ORDINAL
    CARDINAL acomp advcl advmod agent amod appos attr aux auxpass cc ccomp complm conj cop csubj csubjpass dep det
    dobj expl hmod hyph infmod intj iobj mark meta neg nmod nn npadvmod nsubj nsubjpass num number oprd obj obl
    parataxis partmod pcomp pobj poss possessive preconj prep prt punct quantmod relcl rcmod root xcomp acl
    ENT_KB_ID MORPH ENT_ID IDX _
    """,
}
RESERVED: dict[str, int] = {
    "": 0,
    **{name: number for first, names in _SYMBOLS.items() for number, name in enumerate(names.split(), first)},
}

# Signs that stand for a plainer one. What the package's own table of norms says goes before.
_PLAINER = {
    "'s": "'s 'S ’s ’S",
    "'": "’ ‘ ´ `",
    '"': "” “ '' `` ´´ „ » « ‘‘ ’’",
    "?": "？",
    "!": "！",
    ",": "，",
    ";": "；",
    ":": "：",
    ".": "。 ।",
    "...": "…",
    "-": "— – -- --- ——",
    "$": "€ £ ¥ ฿ US$ C$ A$ ₺ ₹ ৳ ₩ Mex$ ₣ E£",
}
SIGN_NORMS: dict[str, str] = {sign: norm for norm, signs in _PLAINER.items() for sign in signs.split()}
