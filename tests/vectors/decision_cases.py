"""Tables and requests of specs/vectors/decision.json: what each changes of one that is well."""

from typing import Any

CLOCK = {"mono_ms": 1_000_000, "wall_s": 1_800_000_000}
PAPERS = "00112233445566778899aabbccddeeff"


def member(island: str, person: str, **changes: Any) -> dict[str, Any]:
    return {
        "island": island,
        "model": "small",
        "certificate": {"person": person, "ceiling": "personal", "not_before_s": 0, "expires_s": 1_800_000_001},
        "statement": {"received_ms": 100_001, "lifetime_ms": 900_000},
        "origin": "embedded",
        "alive": True,
        "context_tokens": 4_096,
        "tools": True,
        "slots": 2,
        "free": 2,
        "queue": 0,
        "ttft_s": 0.5,
        "tokens_per_s": 50,
        "input_usd": "0",
        "output_usd": "0",
        "jurisdiction": "DE",
        "quality": 0.3,
        "energy_j_per_token": 1.5,
        **changes,
    }


def provider(**changes: Any) -> dict[str, Any]:
    row = member("cloud", "", model="large", provider=True, origin="remote", input_usd="2.50", output_usd="10")
    del row["certificate"], row["statement"]
    return {**row, "ttft_s": 0.4, "tokens_per_s": 120, "quality": 0.9, "jurisdiction": "US", **changes}


BASE: dict[str, Any] = {
    "islands": {
        "asker": {"island": "laptop", "person": "ada"},
        "offers": [member("home", "ada"), member("office", "ben", ttft_s=0.25, quality=0.5), provider()],
    },
    "request": {
        "sensitivity": "public",
        "sensitivity_after": "public",
        "prompt_tokens": 100,
        "max_output_tokens": 256,
        "policy": "balanced",
        "clock": CLOCK,
        "seed": "",
    },
}
RESTRICTED = {"request.sensitivity": "restricted"}
EMBEDS = {"request.embeds": True, "request.max_output_tokens": 0, "request.longest_input_tokens": 40}
COLLECTION = {
    "request.model": "auto@papers",
    "request.collection": {"id": PAPERS, "label": "confidential"},
    "islands.offers.1.collections": [PAPERS],
}
BESIDE = {**COLLECTION, "request.collection_beside": True}
HOME = "islands.offers.0."

Cases = list[tuple[str, dict[str, Any]]]


def policy(**members: Any) -> dict[str, Any]:
    return {"request.policy": members}


DOUBTED = [
    member("a", "ada", doubt=0.1),
    member("b", "ada", doubt=0.5, energy_j_per_token=1.4),
    member("c", "ada", doubt=0.6, energy_j_per_token=1.3),
    member("d", "ada", doubt=0.7, energy_j_per_token=1.2, probation=True),
    member("e", "ada", doubt=0.8, energy_j_per_token=1.1, ttft_s=30),
    member("f", "ada", doubt=0.9),
]
EXPLORING_SEED = "000003a0"  # the mixed word of it ends, modulo 1,000, below 2

MONDAY_EIGHT = 8 * 60
OFFICE_HOURS = {"office": {"hours": ["Mon-Fri 08:00-18:00"]}}
NIGHT = {"office": {"hours": ["Sun 22:00-06:00"]}}
CLOUD = "islands.offers.2."
INTERNAL = {"request.sensitivity": "internal", "request.sensitivity_after": "internal"}
CONFIDENTIAL = {"request.sensitivity": "confidential", "request.sensitivity_after": "internal"}

BOUNDS: Cases = [
    ("an island is bounded below its tier", {**INTERNAL, **policy(islands={"office": {"as_is": "public"}})}),
    (
        "a bound that is wider than the tier's cell counts for nothing",
        {**CONFIDENTIAL, **policy(islands={"cloud": {"as_is": "restricted", "sanitised": "restricted"}})},
    ),
    ("an island that takes nothing", policy(islands={"home": {"as_is": "none", "sanitised": "none"}})),
    ("an island that policy does not allow", policy(islands={"office": {"allow": False}})),
    ("a provider is bounded", {**CONFIDENTIAL, **policy(providers={"cloud": {"sanitised": "public"}})}),
    ("a bound of a provider says nothing of an island", policy(providers={"home": {"allow": False}})),
    ("models by a pattern, in either case of letters", policy(models={"S*LL": {"allow": False}})),
    ("a pattern matches the whole name", policy(models={"small*l": {"allow": False}, "mall": {"allow": False}})),
    ("other signs stand for themselves", {**policy(models={"sm.ll": {"allow": False}}), HOME + "model": "sm.ll"}),
    (
        "the lowest of what speaks of an offer",
        {
            **INTERNAL,
            **policy(
                islands={"office": {"as_is": "internal"}},
                models={"small": {"as_is": "public"}, "*": {"as_is": "internal"}},
            ),
        },
    ),
    (
        "names unread and an own island that is bounded",
        {
            "request.names_known": False,
            **policy(islands={"home": {"as_is": "confidential"}}),
        },
    ),
    (
        "models for a level and above",
        {**CONFIDENTIAL, **policy(models_for={"internal": ["sm*"], "confidential": ["large"]})},
    ),
    ("models for no level that the text reaches", {**INTERNAL, **policy(models_for={"confidential": ["other"]})}),
    ("a model for nothing", policy(models_for={"public": ["sm*"]})),
    ("within hours: their first minute", {**policy(islands=OFFICE_HOURS), "request.local_minute": MONDAY_EIGHT}),
    (
        "outside hours: the minute after their last",
        {**policy(islands=OFFICE_HOURS), "request.local_minute": MONDAY_EIGHT + 600},
    ),
    ("hours that go over the week's end", {**policy(islands=NIGHT), "request.local_minute": 359}),
    ("and are over", {**policy(islands=NIGHT), "request.local_minute": 360}),
    (
        "hours with days over the week's end, and the whole day",
        {
            **policy(
                islands={"office": {"hours": ["Sat-Mon 00:00-24:00"]}, "home": {"hours": ["Tue,Thu-Sat 10:00-11:00"]}}
            ),
            "request.local_minute": 1439,
        },
    ),
    ("hours, and the time is not known", policy(islands=OFFICE_HOURS)),
    ("hours of nothing never hold", {**policy(models={"large": {"hours": []}}), "request.local_minute": 0}),
    (
        "two bounds with hours must both hold",
        {
            **policy(islands={"home": {"hours": ["08:00-10:00"]}}, models={"small": {"hours": ["09:00-12:00"]}}),
            "request.local_minute": MONDAY_EIGHT,
        },
    ),
    ("a provider's terms are not known", policy(retention_days_max=30, no_training=True)),
    (
        "a provider's terms hold",
        {
            **policy(retention_days_max=30, no_training=True),
            CLOUD + "retention_days": 30,
            CLOUD + "trains": False,
        },
    ),
    (
        "a provider keeps a day too long, and trains",
        {
            **policy(retention_days_max=30, no_training=True),
            CLOUD + "retention_days": 31,
            CLOUD + "trains": True,
        },
    ),
]
ESTIMATES: Cases = [
    ("reading the prompt takes time", {HOME + "prefill_tokens_per_s": 20}),
    ("a speed of reading that is not known", {HOME + "prefill_tokens_per_s": None}),
    ("a speed of reading of 0, and nothing to read", {HOME + "prefill_tokens_per_s": 0, "request.prompt_tokens": 0}),
    ("doubt counts as time", {HOME + "doubt": 0.5, "islands.offers.1.doubt": 1}),
    ("doubt above 1", {HOME + "doubt": 1.01}),
    ("doubt that is not known", {HOME + "doubt": None}),
    ("failures count as time", {HOME + "failure_rate": 0.75}),
    ("a failure rate of 1", {HOME + "failure_rate": 1}),
    ("seconds below 0", {HOME + "ttft_s": -0.1}),
    ("on probation nothing is known", {HOME + "probation": True}),
    (
        "who answered last has read before",
        {
            HOME + "prefill_tokens_per_s": 20,
            "request.previous_island": "home",
            "request.previous_model": "small",
            "request.previous_tokens": 60,
        },
    ),
    (
        "another model of that island has not",
        {
            HOME + "prefill_tokens_per_s": 20,
            "request.previous_island": "home",
            "request.previous_model": "large",
            "request.previous_tokens": 60,
        },
    ),
    (
        "more was read than is asked",
        {
            HOME + "prefill_tokens_per_s": 20,
            "request.previous_island": "home",
            "request.previous_model": "small",
            "request.previous_tokens": 101,
        },
    ),
    ("nobody needs more quality than this", {"request.need": 0.3}),
    ("a model that is not good enough for the need", {"request.need": 0.7}),
    ("quality below 0", {HOME + "quality": -0.01}),
]
STATES: Cases = [
    ("authenticity failed", {HOME + "authentic": False}),
    ("battery under the floor, and charging", {HOME + "battery": 5, HOME + "charging": True}),
    ("battery below 0, and charging", {HOME + "battery": -1, HOME + "charging": True}),
    ("metered and hot are avoided", {HOME + "metered": True, HOME + "hot": True}),
    ("metered links are forbidden", {HOME + "metered": True, **policy(metered="forbid")}),
    (
        "heat is allowed, and an owner at work forbids",
        {
            HOME + "owner_active": True,
            "islands.offers.1.hot": True,
            **policy(owner_active="forbid", hot="allow"),
        },
    ),
    ("hot devices are forbidden", {HOME + "hot": True, **policy(hot="forbid")}),
    ("energy below 0 is not made up for by what is avoided", {HOME + "energy_j_per_token": -1, HOME + "metered": True}),
]
MONEY: Cases = [
    ("a provider's own cap", {CLOUD + "paid_remaining_usd": "0.002809999"}),
    ("a provider's own cap holds", {CLOUD + "paid_remaining_usd": "0.00281"}),
    ("a provider's own cap needs a known price", {CLOUD + "paid_remaining_usd": "5", CLOUD + "output_usd": None}),
    ("at the cap what costs nothing answers", policy(preset="best", remaining_usd="0.001")),
    ("at the cap nobody answers", policy(preset="best", remaining_usd="0.001", at_cap="refuse")),
    (
        "at the cap of its provider nobody answers",
        {
            CLOUD + "paid_remaining_usd": "0",
            **policy(preset="best", at_cap="refuse"),
        },
    ),
    (
        "a cap refuses nothing where an unpaid offer is the best",
        policy(preset="cheap", remaining_usd="0.001", at_cap="refuse"),
    ),
    (
        "the client's own cap is not the owner's",
        {
            "request.max_cost_usd": "0.001",
            **policy(preset="best", remaining_usd="0.001", at_cap="refuse"),
        },
    ),
    (
        "an unknown price is no best offer",
        {
            CLOUD + "input_usd": None,
            **policy(preset="best", remaining_usd="0.001", at_cap="refuse"),
        },
    ),
    ("energy has a price on one's own devices", policy(energy_usd_per_kwh="0.40")),
]
LAST = {"request.previous_island": "c"}
STAYING = [member("a", "ada"), member("b", "ada"), member("c", "ada", ttft_s=1.9, energy_j_per_token=1)]
DOMINATED = member("c", "ada", ttft_s=0.6)
SLOWER = member("c", "ada", model="other", ttft_s=1.95, energy_j_per_token=0.9)
DEARER = provider(ttft_s=8, doubt=0.9, input_usd="0.10", output_usd="0.10")
TRYING = {**policy(explore=1000), "request.seed": "01"}
ORDER: Cases = [
    (name, {"request.need": 0.3, **changes})
    for name, changes in (
        ("staying: a little worse is good enough", {"islands.offers": STAYING, **LAST}),
        ("staying: the hysteresis is not wide enough", {"islands.offers": STAYING, **LAST, **policy(hysteresis=20)}),
        (
            "staying: not with a dominated one",
            {"islands.offers": [*STAYING[:2], DOMINATED], **LAST},
        ),
        (
            "staying: with the model that answered",
            {"islands.offers": [*STAYING, SLOWER], **LAST, "request.previous_model": "other"},
        ),
        (
            "staying: with a provider, by its name",
            {
                "islands.offers": [
                    member("a", "ada"),
                    provider(input_usd="0", output_usd="0", ttft_s=4.5, energy_j_per_token=0),
                ],
                "request.previous_island": "cloud",
            },
        ),
        ("trying out: nothing without a seed", {"islands.offers": DOUBTED, **policy(explore=1000)}),
        ("trying out: the most doubted", {"islands.offers": DOUBTED, **TRYING}),
        ("trying out: not this request", {"islands.offers": DOUBTED, **policy(explore=0), "request.seed": "01"}),
        (
            "trying out: one request of five hundred, by its seed",
            {"islands.offers": DOUBTED, **policy(explore=2), "request.seed": EXPLORING_SEED},
        ),
        (
            "trying out: nothing in a second plan",
            {"islands.offers": DOUBTED, **TRYING, "request.excluded": ["z/small"]},
        ),
        (
            "trying out: nothing when only unpaid may follow",
            {"islands.offers": DOUBTED, **TRYING, "request.unpaid_only": True},
        ),
        ("trying out: nothing dearer", {"islands.offers": [DOUBTED[0], DEARER], **TRYING}),
    )
]

CASES: list[tuple[str, dict[str, Any]]] = [
    ("everything is well", {}),
    (
        "internal text goes to a cloud only sanitised",
        {"request.sensitivity": "internal", "request.sensitivity_after": "internal"},
    ),
    (
        "confidential remains confidential: no cloud",
        {"request.sensitivity": "confidential", "request.sensitivity_after": "confidential"},
    ),
    (
        "restricted falls to internal: edge and cloud take it sanitised",
        {**RESTRICTED, "request.sensitivity_after": "internal"},
    ),
    ("restricted that cannot be sanitised stays personal", {**RESTRICTED, "request.sensitivity_after": None}),
    ("names were not looked for", {"request.names_known": False}),
    (
        "ceiling of the certificate",
        {HOME + "certificate.ceiling": "edge", **RESTRICTED, "request.sensitivity_after": "restricted"},
    ),
    ("ceiling of the asker", {"islands.asker.ceiling": "edge"}),
    ("certificate expires now", {HOME + "certificate.expires_s": 1_800_000_000}),
    (
        "certificate begins in two minutes: clocks differ",
        {HOME + "certificate.not_before_s": 1_800_000_120, HOME + "certificate.expires_s": 1_900_000_000},
    ),
    (
        "certificate begins in two minutes and a second",
        {HOME + "certificate.not_before_s": 1_800_000_121, HOME + "certificate.expires_s": 1_900_000_000},
    ),
    ("revoked", {HOME + "certificate.revoked": True}),
    ("no certificate", {HOME + "certificate": None}),
    ("statement outlived its lifetime now", {HOME + "statement.received_ms": 100_000}),
    ("no statement", {HOME + "statement": None}),
    ("not alive", {HOME + "alive": False}),
    ("a model that a local server forwards is cloud", {HOME + "origin": "remote"}),
    (
        "configured by name, but never nearer than its holder",
        {"islands.offers.1.origin": "configured", "islands.offers.1.configured_tier": "personal"},
    ),
    ("configured without a tier", {HOME + "origin": "configured"}),
    ("unknown speed", {HOME + "tokens_per_s": None}),
    ("speed of 0", {HOME + "tokens_per_s": 0}),
    ("quality above 1 is a negative cost", {HOME + "quality": 1.01}),
    ("battery under the floor", {HOME + "battery": 19.9}),
    ("battery at the floor", {HOME + "battery": 20}),
    ("context holds prompt and answer exactly", {HOME + "context_tokens": 356}),
    ("context one token short", {HOME + "context_tokens": 355}),
    ("tools asked of one that takes none", {"request.needs_tools": True, HOME + "tools": False}),
    ("a model by name", {"request.model": "small"}),
    ("an offer by name", {"request.model": "office/small"}),
    (
        "a name with a slash whose first part is no island",
        {HOME + "model": "maker/small", "request.model": "maker/small"},
    ),
    (
        "another island's offer cannot be called like a pin",
        {"islands.offers.1.model": "home/small", "request.model": "home/small"},
    ),
    (
        "a pin names its island's model and no other's, although that one does not offer it",
        {"islands.offers.1.model": "home/large", "request.model": "home/large"},
    ),
    (
        "a model with a slash in its name, pinned",
        {"islands.offers.1.model": "home/small", "request.model": "office/home/small"},
    ),
    ("vectors are asked for, and nobody gives any", EMBEDS),
    ("vectors are asked for, of who gives them", {**EMBEDS, HOME + "embeds": True}),
    ("who gives vectors gives no answers", {HOME + "embeds": True}),
    (
        "text goes to be embedded as it is or not at all",
        {
            **EMBEDS,
            "request.sensitivity": "internal",
            "request.sensitivity_after": "public",
            HOME + "embeds": True,
            "islands.offers.1.embeds": True,
            "islands.offers.2.embeds": True,
        },
    ),
    ("each text that is embedded fits by itself", {**EMBEDS, HOME + "embeds": True, HOME + "context_tokens": 40}),
    ("the longest text does not fit", {**EMBEDS, HOME + "embeds": True, HOME + "context_tokens": 39}),
    ("waiting costs", {HOME + "free": 0, HOME + "queue": 3}),
    ("unknown price without a cap", {"islands.offers.2.input_usd": None}),
    ("unknown price under a cap", {"islands.offers.2.input_usd": None, "request.max_cost_usd": "1"}),
    ("bill at the cap", {"request.max_cost_usd": "0.00281"}),
    ("bill a nano-USD above the cap", {"request.max_cost_usd": "0.002809999"}),
    ("each answer is billed", {"request.max_cost_usd": "0.00281", "request.answers": 2}),
    ("the smaller of two caps counts", {"request.max_cost_usd": "1", "request.policy": {"remaining_usd": "0.001"}}),
    ("only unpaid may follow", {"request.unpaid_only": True}),
    ("the client allows no farther than edge", {"request.max_tier": "edge"}),
    ("jurisdictions bind all but one's own devices", {"request.policy": {"jurisdictions": ["FR"]}}),
    ("jurisdictions that are listed", {"request.policy": {"jurisdictions": ["DE", "FR"]}}),
    ("preset private closes the cloud", {"request.policy": "private"}),
    ("preset best", {"request.policy": "best"}),
    ("preset fast", {"request.policy": "fast"}),
    ("a collection: only its holder, at its label", COLLECTION),
    (
        "a collection labelled restricted is not for edge",
        {**COLLECTION, "request.collection": {"id": PAPERS, "label": "restricted"}},
    ),
    ("a collection unknown to the asker", {**COLLECTION, "request.collection": None}),
    ("a collection beside a model that is named", {**BESIDE, "request.model": "small"}),
    ("a collection beside a model that its holder does not have", {**BESIDE, "request.model": "large"}),
    ("an unknown collection beside a model", {"request.model": "small", "request.collection_beside": True}),
    ("a collection that nothing names", {**COLLECTION, "request.model": "small"}),
    (
        "passages of it are carried: not to be held, still at its label",
        {**COLLECTION, "request.carried": True, "islands.offers.1.collections": []},
    ),
    (
        "carried passages of an internal collection go to a cloud sanitised",
        {
            **BESIDE,
            "request.model": "large",
            "request.carried": True,
            "request.collection": {"id": PAPERS, "label": "internal"},
        },
    ),
    ("carried, and of an unknown label", {**COLLECTION, "request.carried": True, "request.collection": None}),
    ("tried already", {"request.excluded": ["home/small"]}),
    (
        "equals: nearest, then name",
        {
            "islands.offers": [
                member(name, who) for name, who in (("b", "ben"), ("d", "ada"), ("c", "ada"), ("laptop", "ada"))
            ]
        },
    ),
    (
        "equals: the island that answered last",
        {"islands.offers": [member(name, "ada") for name in "abc"], "request.previous_island": "c"},
    ),
    (
        "equals: drawn by the seed",
        {"islands.offers": [member(name, "ada") for name in "abcdef"], "request.seed": "c0ffee"},
    ),
    ("one score, one dominates", {"islands.offers": [member("a", "ada", energy_j_per_token=1.6), member("b", "ada")]}),
    ("no offers", {"islands.offers": []}),
    *BOUNDS,
    *ESTIMATES,
    *STATES,
    *MONEY,
    *ORDER,
]
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("unknown member", {"request.sensitvity": "public"}),
    ("unknown level", {"request.sensitivity": "secret"}),
    ("two offers of one name", {"islands.offers": [member("a", "ada"), member("a", "ada")]}),
    ("price as a float", {HOME + "input_usd": 0.5}),
    ("price with more than nine decimals", {HOME + "input_usd": "0.0000000001"}),
    ("price beyond a million USD", {HOME + "input_usd": "1000000.000000001"}),
    ("negative weight", {"request.policy": {"weights": {"cost": -1}}}),
    ("collection without a name", {"request.model": "auto@"}),
    ("seed of 65 bytes", {"request.seed": "00" * 65}),
    ("need above 1", {"request.need": 1.01}),
    ("a minute after the week", {"request.local_minute": 10_080}),
    ("a bound with an unknown member", policy(islands={"home": {"asis": "public"}})),
    ("hours of no day", policy(islands={"home": {"hours": ["Moo 08:00-09:00"]}})),
    ("hours that begin when they end", policy(islands={"home": {"hours": ["08:00-08:00"]}})),
    ("hours that begin at 24:00", policy(islands={"home": {"hours": ["24:00-08:00"]}})),
    ("hours at a minute that is none", policy(islands={"home": {"hours": ["08:60-09:00"]}})),
    ("models for an unknown level", policy(models_for={"secret": ["*"]})),
    ("a use that is none", policy(metered="never")),
    ("more than every request explores", policy(explore=1001)),
    ("days below 0", {CLOUD + "retention_days": -1}),
]
