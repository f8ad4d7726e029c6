"""The archipelago before the clock starts: keys, certificates, whose island is whose. Source: specs/10-simulator.md."""

from dataclasses import dataclass
from hashlib import blake2b

from protocol.keys import IslandId, PublicKey, SealingKey, Signature, SigningKey, verify
from protocol.membership import Membership
from protocol.records import Certificate, Genesis, Signed, seal_genesis, seal_record
from protocol.terms import Now, Tier
from sim.kernel import START_WALL_S
from sim.network import Link
from sim.scenario import OWN, DeviceClass, Scenario

CERTIFIED_FOR_S = 31 * 86_400
ISLANDS_PER_PERSON = 2


class SharedVerifier:
    """Each signature is checked once for all islands: they are honest about arithmetic, and 2,500 checks are one."""

    def __init__(self) -> None:
        self._verdicts: dict[tuple[bytes, str, bytes, bytes], bool] = {}

    def __call__(self, public: PublicKey, domain: str, body: bytes, signature: Signature, /) -> bool:
        key = (public, domain, body, signature)
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = self._verdicts[key] = verify(public, domain, body, signature)
        return verdict


@dataclass(frozen=True, slots=True)
class Inhabitant:
    """An island as it truly is."""

    number: int
    name: str
    person: str
    device: DeviceClass
    key: SigningKey

    @property
    def id(self) -> IslandId:
        return self.key.island

    @property
    def link(self) -> Link:
        return Link(self.device.site, self.device.roams, self.device.bits_per_s, self.device.loss)


@dataclass(frozen=True, slots=True)
class World:
    inhabitants: tuple[Inhabitant, ...]
    genesis: Signed[Genesis]
    log: tuple[bytes, ...]  # every island's certificate, signed by the first island
    verifier: SharedVerifier

    def membership(self, now: Now) -> Membership:
        """What an island knows that was enrolled with all the others."""
        most = max(256, len(self.inhabitants))
        membership = Membership(self.genesis, members_max=most, verifier=self.verifier)
        for raw in self.log:
            membership.accept(raw, now)
        return membership

    def tier(self, asker: Inhabitant, holder: Inhabitant | None) -> Tier:
        """The truth; None is the provider."""
        if holder is None:
            return Tier.CLOUD
        return Tier.PERSONAL if holder.person == asker.person else Tier.EDGE


def build(scenario: Scenario, seed: int) -> World:
    """The same keys for the same seed; an island more changes no other's."""
    inhabitants = tuple(_inhabitant(scenario, seed, number) for number in range(scenario.islands))
    signer = inhabitants[0].key
    recovery = PublicKey(_bytes(seed, "recovery"))
    genesis = seal_genesis(Genesis((signer.island,), recovery, START_WALL_S), (signer,))
    log: list[bytes] = []
    previous = genesis.hash
    for sequence, inhabitant in enumerate(inhabitants, 1):
        signed = seal_record(_certificate(seed, genesis.hash, signer, sequence, previous, inhabitant), signer)
        log.append(signed.raw)
        previous = signed.hash
    return World(inhabitants, genesis, tuple(log), SharedVerifier())


def _inhabitant(scenario: Scenario, seed: int, number: int) -> Inhabitant:
    name_of_class = scenario.pattern[number % len(scenario.pattern)]
    device = scenario.classes[name_of_class]
    return Inhabitant(
        number=number,
        name=f"{name_of_class}-{number}",
        person=f"person-{_own_before(scenario, number) // ISLANDS_PER_PERSON}"
        if device.person == OWN
        else device.person,
        device=device,
        key=SigningKey(_bytes(seed, f"island/{number}")),
    )


def _own_before(scenario: Scenario, number: int) -> int:
    """How many islands before this one belong to a person of their own."""
    own = [scenario.classes[name].person == OWN for name in scenario.pattern]
    rounds, rest = divmod(number, len(own))
    return rounds * sum(own) + sum(own[:rest])


def _certificate(
    seed: int, archipelago: bytes, signer: SigningKey, sequence: int, previous: bytes, inhabitant: Inhabitant
) -> Certificate:
    return Certificate(
        archipelago=archipelago,
        issuer=signer.island,
        sequence=sequence,
        previous=previous,
        subject=inhabitant.id,
        sealing=SealingKey(_bytes(seed, f"sealing/{inhabitant.number}")),
        name=inhabitant.name,
        person=inhabitant.person,
        ceiling=Tier.PERSONAL,
        signer=inhabitant.number == 0,
        jurisdiction="",
        grants=(),
        spend_share=None,
        not_before_s=START_WALL_S,
        expires_s=START_WALL_S + CERTIFIED_FOR_S,
    )


def _bytes(seed: int, name: str) -> bytes:
    return blake2b(f"{seed}/{name}".encode(), digest_size=32).digest()
