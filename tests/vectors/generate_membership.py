"""specs/vectors/membership.json: scripts of what arrives, in order, and what is believed after each step."""

from protocol.encoding import decode, encode
from protocol.errors import EncodingError, MembershipError, RecordError
from protocol.membership import Membership
from protocol.records import Signed, seal_record
from protocol.registry import New, Refused, Registry
from protocol.terms import Now, Tier
from tests.attested import DAY_S, NOW, START_S, Log, certificate, genesis, later, observation, signing_key, statement

ADA, BOB, CAT, DAN, EVE = (signing_key(number) for number in range(1, 6))
GENESIS = genesis(ADA)


class Script:
    """Runs what it writes down, so that what is expected is what happens; the tests that read it back judge no less."""

    def __init__(self, name: str, why: str) -> None:
        self.name, self.why = name, why
        self.membership = Membership(GENESIS)
        self.registry = Registry(self.membership)
        self.steps: list[dict[str, object]] = []

    def entry(self, entry: Signed | bytes, now: Now = NOW) -> "Script":
        raw = entry if isinstance(entry, bytes) else entry.raw
        try:
            outcome: object = sorted(outcome_of(event) for event in self.membership.accept(raw, now))
        except (EncodingError, RecordError, MembershipError):
            outcome = "refused"
        return self._step("entry", raw, now, {"events": outcome})

    def record(self, record: Signed | bytes, now: Now = NOW) -> "Script":
        raw = record if isinstance(record, bytes) else record.raw
        verdict = self.registry.accept(raw, now)
        match verdict:
            case New():
                outcome = "new"
            case Refused(reason):
                outcome = reason.value
            case _:
                outcome = "stale"
        return self._step("record", raw, now, {"verdict": outcome})

    def at(self, now: Now) -> "Script":
        return self._step("time", b"", now, {})

    def _step(self, kind: str, raw: bytes, now: Now, outcome: dict[str, object]) -> "Script":
        step: dict[str, object] = {"step": kind, "mono_ms": now.mono_ms, "wall_s": now.wall_s}
        if raw:
            step["data"] = raw.hex()
        self.steps.append(step | outcome | {"after": self._believed(now)})
        return self

    def _believed(self, now: Now) -> dict[str, object]:
        snapshot = self.membership.snapshot()
        return {
            "members": [
                {
                    "island": one.island,
                    "name": one.name,
                    "person": one.person,
                    "ceiling": one.ceiling.label,
                    "signer": one.signer,
                }
                for one in self.membership.members(now)
            ],
            "removed": [island for island, _ in snapshot.removed],
            "forks": [[island, sequence] for island, sequence in snapshot.forks],
            "statements": [one.subject for one in self.registry.statements(now)],
        }

    def plain(self) -> dict[str, object]:
        return {"name": self.name, "why": self.why, "steps": self.steps}


def outcome_of(event) -> str:
    island = getattr(event, "island", None) or getattr(event, "issuer", None)
    if hasattr(event, "member"):
        island = event.member.island
    return f"{type(event).__name__.lower()} {island}" if island else type(event).__name__.lower()


def vectors() -> dict[str, object]:
    return {
        "spec": "specs/03-membership.md",
        "about": "Scripts start from `genesis` alone. `entry` goes to membership, `record` to the registry; `time` "
        "only passes. `events` tell what an entry changed (section 2), sorted. `after` is what is believed then; lists "
        "of islands are sorted.",
        "genesis": GENESIS.raw.hex(),
        "archipelago": GENESIS.hash.hex(),
        "scripts": [script.plain() for make in (*ENTRIES, *RECORDS) for script in [make()]],
    }


def pen() -> Log:
    return Log(ADA, GENESIS.hash)


def admission() -> Script:
    entry = pen().certificate(BOB, name="home")
    return Script("a member is admitted", "the valid case").entry(entry).entry(entry)


def stranger_admits() -> Script:
    script = Script("a stranger admits itself", "what does not lead to the genesis has no effect")
    return script.entry(Log(EVE, GENESIS.hash).certificate(EVE, signer=True))


def member_admits() -> Script:
    script = Script("a member that is no signer admits and removes", "only signers write")
    log = Log(BOB, GENESIS.hash)
    return script.entry(pen().certificate(BOB)).entry(log.certificate(EVE)).entry(log.revocation(ADA.island))


def further_signer() -> Script:
    log = pen()
    script = Script("a signer makes a signer", "entries wait for what makes their issuer a signer")
    early = Log(BOB, GENESIS.hash).certificate(CAT)
    return script.entry(early).entry(log.certificate(BOB, signer=True))


def foreign() -> Script:
    script = Script("an entry of another archipelago", "it says nothing about this one")
    return script.entry(Log(ADA, bytes(32)).certificate(BOB)).entry(genesis(EVE)).entry(statement(ADA))


def forged() -> Script:
    raw = Log(EVE, GENESIS.hash).certificate(EVE).raw
    script = Script("an entry that its issuer did not sign", "anybody can write a name")
    body = encode(decode(decode(raw)["body"]) | {"issuer": ADA.public})
    return script.entry(encode(decode(raw) | {"body": body}))


def times() -> Script:
    log = pen()
    script = Script("start and end of a certificate", "clocks differ by two minutes; the end is never stretched")
    script.entry(log.certificate(BOB, not_before_s=START_S + 120, expires_s=START_S + DAY_S))
    script.entry(log.certificate(CAT, not_before_s=START_S + 121, expires_s=START_S + DAY_S))
    return script.at(later(s=1)).at(later(s=DAY_S - 1)).at(later(s=DAY_S))


def renewal() -> Script:
    log = pen()
    script = Script("a later certificate of one signer wins", "a clock that went back keeps no older one alive")
    script.entry(log.certificate(BOB, ceiling=Tier.PERSONAL))
    return script.entry(log.certificate(BOB, ceiling=Tier.EDGE, not_before_s=START_S - DAY_S))


def removal() -> Script:
    log = pen()
    script = Script("a removed key never comes back", "remove beats add")
    script.entry(log.certificate(BOB)).entry(log.revocation(BOB.island))
    return script.entry(log.certificate(BOB, not_before_s=START_S + 60))


def removal_first() -> Script:
    log = pen()
    admitted, removed = log.certificate(BOB), log.revocation(BOB.island)
    script = Script("a removal counts before what it follows", "removals are told first, without the rest of the log")
    return script.entry(removed).entry(admitted)


def keep() -> Script:
    log, bob = pen(), Log(BOB, GENESIS.hash)
    script = Script("a removed signer keeps what the removal keeps", "a thief backdates what he signs")
    script.entry(log.certificate(BOB, signer=True)).entry(bob.certificate(CAT)).entry(bob.certificate(DAN))
    return script.entry(log.revocation(BOB.island, keep=1)).entry(bob.certificate(EVE))


def fork() -> Script:
    log = pen()
    first = log.certificate(BOB)
    other = log.fork()
    script = Script("two entries with one number", "the signer contradicts itself: it admits nobody from there on")
    script.entry(first).entry(log.certificate(CAT)).entry(other.certificate(EVE)).entry(log.certificate(DAN))
    return script.entry(other.revocation(BOB.island))


def forked_signer() -> Script:
    log, bob = pen(), Log(BOB, GENESIS.hash)
    other = bob.fork()
    script = Script("a member that was a signer and contradicts itself", "it stays a member and is a signer no more")
    script.entry(log.certificate(BOB, signer=True)).entry(bob.certificate(CAT)).entry(other.certificate(DAN))
    return script.entry(log.certificate(BOB, signer=False, name="home")).entry(log.certificate(ADA, signer=False))


def broken_chain() -> Script:
    script = Script("an entry that does not follow the one before", "another entry with that number exists")
    broken = seal_record(certificate(ADA.island, GENESIS.hash, 2, b"\7" * 32, CAT), ADA)
    return script.entry(pen().certificate(BOB)).entry(broken)


def undone_removal() -> Script:
    log = pen()
    other = log.fork()
    script = Script("a removed signer contradicts itself", "it does not take back who removed it")
    script.entry(log.certificate(BOB, signer=True))
    script.entry(Log(BOB, GENESIS.hash).revocation(ADA.island, keep=1))
    return script.entry(other.certificate(EVE))


def names() -> Script:
    log = pen()
    script = Script("two islands with one name", "a newcomer does not take a name over")
    return script.entry(log.certificate(BOB, name="laptop")).entry(log.certificate(CAT, name="laptop"))


def believing(name: str, why: str) -> Script:
    log = pen()
    return Script(name, why).entry(log.certificate(BOB)).entry(log.certificate(CAT))


def newest() -> Script:
    script = believing("the newest boot and sequence win", "replayed statements are older")
    for boot, sequence in ((1, 5), (1, 4), (1, 6), (2, 0), (1, 99)):
        script.record(statement(BOB, boot, sequence))
    return script


def lifetime() -> Script:
    said = statement(BOB, lifetime_ms=10_000)
    script = believing("a statement lives from its first receipt", "hearing it again adds nothing")
    return script.record(said).record(said, later(ms=9_999)).at(later(ms=10_000)).record(said, later(ms=10_001))


def equivocation() -> Script:
    script = believing("two statements with one number", "believed in nothing until its next boot")
    script.record(statement(BOB)).record(statement(BOB, battery=1)).record(statement(BOB, 1, 2))
    script.record(statement(BOB, 2, 0))
    return script.record(observation(BOB, CAT.island, boot=1)).record(observation(BOB, CAT.island, boot=2))


def not_members() -> Script:
    script = believing("statements of strangers and removed islands", "only live members are listened to")
    log = pen()
    log.certificate(BOB), log.certificate(CAT)
    script.record(statement(EVE)).record(statement(BOB)).entry(log.revocation(BOB.island))
    return script.record(statement(BOB, 1, 2)).record(statement(CAT), later(s=30 * DAY_S))


def rubbish() -> Script:
    script = believing("what is no statement", "refused without a crash")
    bad = encode(decode(statement(BOB).raw) | {"signatures": [bytes(64)]})
    return script.record(bytes(4_097)).record(b"\xc1").record(GENESIS).record(bad).record(bad)


def observations() -> Script:
    script = believing("observations", "of members, by members, never of strangers")
    seen = observation(BOB, CAT.island)
    return script.record(seen).record(seen).record(observation(BOB, EVE.island, sequence=2))


ENTRIES = [
    admission,
    stranger_admits,
    member_admits,
    further_signer,
    foreign,
    forged,
    times,
    renewal,
    removal,
    removal_first,
    keep,
    fork,
    forked_signer,
    broken_chain,
    undone_removal,
    names,
]
RECORDS = [newest, lifetime, equivocation, not_members, rubbish, observations]
