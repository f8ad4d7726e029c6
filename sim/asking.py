"""One request, from its question to its last token: the production agents, router and failover machine.

Source: specs/10-simulator.md, "Requests".
"""

from collections.abc import Callable
from dataclasses import dataclass

from node.agents.believed import offer_of_member
from node.agents.estimates import Claim, Estimate, Seen
from node.agents.request import ModelSelector, RequestFacts
from node.agents.router import Choice, decide
from node.agents.table import Offer, OfferTable
from node.agents.tier import distance
from node.dispatch import (
    Action,
    Connected,
    Cut,
    Dispatch,
    Done,
    Event,
    Fail,
    Failed,
    Finished,
    TimedOut,
    Token,
    Try,
    Wait,
)
from node.ports import Origin
from protocol.errors import BackendFailure
from protocol.keys import IslandId
from protocol.members import Member
from protocol.questions import LOAD_GOOD_MS
from protocol.records import CapabilityStatement, ModelOffer
from protocol.terms import NanoUsd, Sensitivity, Tier, cost_nano_usd
from sim.data.trace_quantiles import CONV_ANSWER_TOKENS, CONV_PROMPT_TOKENS
from sim.island import SimIsland
from sim.kernel import MILLISECOND_US, SECOND_US, Draws
from sim.scenario import ModelClass, Provider, RequestKind, Scenario
from sim.serving import Job, Server

ASK_US = 300 * MILLISECOND_US  # as the node waits for the candidates' load
BYTES_PER_TOKEN = 4
FRAME_BYTES = 400  # an answer's first or last frame, sealed


@dataclass(frozen=True, slots=True)
class Question:
    """A request as it truly is, and what the detectors made of it."""

    number: int
    kind: RequestKind
    missed: int  # true units that no detector found
    assessed: Sensitivity
    after: Sensitivity | None
    prompt_tokens: int
    answer_tokens: int
    seed: bytes


def drawn(number: int, scenario: Scenario, draws: Draws) -> Question:
    """A detector that finds none of what is private takes the text for public: that is how text gets exposed."""
    workload = scenario.workload
    kind = workload.kinds[draws.weighted(tuple(kind.weight for kind in workload.kinds))]
    missed = sum(draws.unit() < workload.miss_rate for _ in range(kind.units))
    unnoticed = 0 < kind.units == missed
    return Question(
        number=number,
        kind=kind,
        missed=missed,
        assessed=Sensitivity.PUBLIC if unnoticed else kind.sensitivity,
        after=Sensitivity.PUBLIC if unnoticed else kind.after,
        prompt_tokens=draws.quantile(CONV_PROMPT_TOKENS),
        answer_tokens=min(draws.quantile(CONV_ANSWER_TOKENS), workload.max_output_tokens),
        seed=draws.octets(8),
    )


class Asker:
    """What an island asks with: how quick each offer has been, and the provider's key."""

    def __init__(self, island: SimIsland, scenario: Scenario) -> None:
        self.island = island
        self.scenario = scenario
        self.estimates: dict[tuple[str, str], Estimate] = {}
        provider = scenario.provider
        self.under_way: dict[int, Asking] = {}
        island.lost = self._lost
        self.cloud = None if provider is None else Server(island.mesh.kernel, provider.model)

    def ask(self, question: Question) -> None:
        """First the candidates are asked how busy they are, as far as the last answer is not good any more."""
        if not self.island.down:
            self.island.mesh.metrics.requests += 1
            self.under_way[question.number] = asking = Asking(self, question)
            asking.survey()

    def _lost(self, peer: IslandId) -> None:
        for asking in list(self.under_way.values()):
            asking.lose(peer)

    @property
    def now_s(self) -> float:
        return self.island.mesh.kernel.now_us / SECOND_US

    def measure(self, offer: Offer, seen: Seen) -> None:
        key = (offer.island_id, offer.model)
        self.estimates[key] = self.seen(*key).observe(seen, self.now_s)

    def blame(self, offer: Offer) -> None:
        """An attempt failed by that offer's fault."""
        key = (offer.island_id, offer.model)
        self.estimates[key] = self.seen(*key).failed(self.now_s)

    def seen(self, island: str, model: str) -> Estimate:
        return self.estimates.get((island, model), Estimate())

    def table(self) -> OfferTable:
        """This island's own models, what members state, and the provider."""
        island, now = self.island, self.island.now
        me = island.membership.member(island.me.id, now)
        if me is None:
            return OfferTable.of(())
        rows = [_own_offer(self, me, model) for model in island.me.device.models]
        for statement in island.registry.statements(now):
            holder = island.membership.member(statement.subject, now)
            if holder is not None and holder.island != me.island:
                rows += [self._peers_offer(holder, me, statement, stated) for stated in statement.offers]
        if self.scenario.provider is not None:
            rows.append(_provider_offer(self, self.scenario.provider))
        return OfferTable.of(rows)

    def _peers_offer(self, holder: Member, me: Member, statement: CapabilityStatement, stated: ModelOffer) -> Offer:
        known = self.island.loads.get(holder.island)
        loads = () if known is None else known[1].models
        load = next((load for load in loads if load.model == stated.model), None)
        return offer_of_member(
            holder,
            me,
            statement,
            stated,
            free=0 if load is None else load.free_slots,
            queue=0 if load is None else load.queued,
            seen=self.seen(holder.island, stated.model),
            now_s=self.now_s,
            alive=holder.island not in self.island.dead,
        )


class Asking:
    """One request under way."""

    def __init__(self, asker: Asker, question: Question) -> None:
        self._asker = asker
        self._question = question
        self._mesh = asker.island.mesh
        self._kernel = asker.island.mesh.kernel
        self._asked_us = self._kernel.now_us
        self._unanswered = 0
        self._decided = False
        self._dispatch = Dispatch(())
        self._attempt = 0
        self._deadline = 0
        self._paid_in_doubt = False
        self._tried_us = 0
        self._first_us = 0
        self._job: Job | None = None

    def survey(self) -> None:
        island, now = self._asker.island, self._asker.island.now
        for statement in island.registry.statements(now):
            known = island.loads.get(statement.subject)
            if statement.subject == island.me.id or not statement.offers:
                continue
            if known is not None and now.mono_ms - known[0] < LOAD_GOOD_MS:
                continue
            self._unanswered += island.ask_load(statement.subject, self._answered)
        if self._unanswered:
            self._kernel.after(ASK_US, self._decide)
        else:
            self._decide()

    def _answered(self) -> None:
        self._unanswered -= 1
        if not self._unanswered:
            self._decide()

    def _decide(self) -> None:
        if self._decided or self._asker.island.down:
            return
        self._decided = True
        question, metrics = self._question, self._mesh.metrics
        facts = RequestFacts(
            sensitivity=question.assessed,
            sensitivity_after=question.after,
            selector=ModelSelector.parse("auto", ()),
            prompt_tokens=question.prompt_tokens,
            max_output_tokens=self._asker.scenario.workload.max_output_tokens,
            seed=question.seed,
        )
        decision = decide(facts, self._asker.table(), self._asker.scenario.policy, self._asker.island.now)
        metrics.feasible += bool(decision.plan)
        if not decision.plan:
            self._over()
            metrics.refused += 1
            self._note("refused")
            return
        self._dispatch = Dispatch(decision.plan)
        self._perform(self._dispatch.start(self._kernel.now))

    def _note(self, *facts: str | int) -> None:
        self._kernel.note("request", self._asker.island.me.name, self._question.number, *facts)

    # The failover machine's shell

    def _happen(self, attempt: int, event: Event) -> None:
        """What comes late, of an attempt that is over, is nobody's."""
        if attempt == self._attempt and not self._asker.island.down:
            if isinstance(event, Failed | TimedOut) and self._dispatch.current is not None:
                self._asker.blame(self._dispatch.current.offer)
            self._perform(self._dispatch.on(event, self._kernel.now))

    def _perform(self, action: Action) -> None:
        match action:
            case Try(choice, until_ms):
                self._attempt += 1
                self._mesh.metrics.failovers += self._attempt > 1
                self._mesh.metrics.paid_twice += choice.offer.paid and self._paid_in_doubt
                self._set_deadline(until_ms)
                self._try(choice)
            case Wait(until_ms):
                self._set_deadline(until_ms)
            case Done():
                self._answered_whole()
            case Fail(code, _, _):
                self._over()
                self._mesh.metrics.failed += 1
                self._note("failed", code)
            case Cut(code, _):
                self._over()
                self._mesh.metrics.cut += 1
                self._note("cut", code)

    def _set_deadline(self, until_ms: int) -> None:
        self._deadline += 1
        delay_us = until_ms * MILLISECOND_US - self._kernel.now_us
        self._kernel.after(delay_us, self._time_out, self._attempt, self._deadline)

    def _time_out(self, attempt: int, deadline: int) -> None:
        if deadline == self._deadline and attempt == self._attempt:
            choice = self._dispatch.current
            self._paid_in_doubt |= choice is not None and choice.offer.paid
            if self._job is not None:
                self._job.cancelled = True
            self._happen(attempt, TimedOut())

    def lose(self, peer: IslandId) -> None:
        """The failure detector gave the peer up: its streams are reset."""
        choice = self._dispatch.current
        if choice is not None and choice.offer.island_id == peer:
            self._happen(self._attempt, Failed(BackendFailure.AMBIGUOUS, "peer_lost"))

    def _over(self) -> None:
        self._attempt += 1
        self._asker.under_way.pop(self._question.number, None)

    # The other end

    def _try(self, choice: Choice) -> None:
        attempt, offer = self._attempt, choice.offer
        self._tried_us = self._kernel.now_us
        here, there = self._asker.island.me.name, self._place(offer)
        if here == there:
            self._happen(attempt, Connected())
            self._arrive(attempt, choice)
            return
        self._kernel.after(self._mesh.network.round_trip_us(here, there), self._connected, attempt, choice)

    def _connected(self, attempt: int, choice: Choice) -> None:
        holder = self._holder(choice.offer)
        if (holder is not None and holder.down) or attempt != self._attempt:
            return
        self._happen(attempt, Connected())
        size = self._question.prompt_tokens * BYTES_PER_TOKEN + FRAME_BYTES
        delay_us = self._mesh.network.delay_us(self._asker.island.me.name, self._place(choice.offer), size)
        self._kernel.after(delay_us, self._arrive, attempt, choice)

    def _arrive(self, attempt: int, choice: Choice) -> None:
        """The text is there: the moment of truth."""
        self._check(choice)
        offer, holder = choice.offer, self._holder(choice.offer)
        if holder is not None and holder.down:
            return
        refused = holder is not None and not holder.membership.is_live(self._asker.island.me.id, holder.now)
        server = self._asker.cloud if holder is None else holder.servers.get(offer.model)
        back = self._back(offer)
        self._job = Job(
            self._question.prompt_tokens,
            self._question.answer_tokens,
            first=lambda: back(lambda: self._first_token(attempt)),
            last=lambda: back(lambda: self._happen(attempt, Finished())),
        )
        if refused or server is None or not server.take(self._job):
            failed = Failed(BackendFailure.REFUSED, "busy")
            back(lambda: self._happen(attempt, failed))

    def _back(self, offer: Offer) -> Callable[[Callable[[], None]], None]:
        """What happens at the holder is known here a way later, if the holder lives to say it."""
        here, there = self._asker.island.me.name, self._place(offer)
        holder = self._holder(offer)

        def carry(arrive: Callable[[], None]) -> None:
            if holder is None or not holder.down:
                self._kernel.after(self._mesh.network.delay_us(there, here, FRAME_BYTES), arrive)

        return carry

    def _first_token(self, attempt: int) -> None:
        if attempt == self._attempt:
            self._first_us = self._kernel.now_us
            self._happen(attempt, Token())

    def _answered_whole(self) -> None:
        self._over()
        choice = self._dispatch.current
        if choice is None:
            return
        metrics, question, offer = self._mesh.metrics, self._question, choice.offer
        waited_s = (self._first_us - self._asked_us) / SECOND_US
        whole_s = (self._kernel.now_us - self._asked_us) / SECOND_US
        metrics.answered += 1
        metrics.sanitised += choice.sanitize
        metrics.waiting_s.append(waited_s)
        metrics.whole_s.append(whole_s)
        metrics.tokens[self._tier(offer)] += question.answer_tokens
        for tokens, price in (
            (question.prompt_tokens, offer.input_price),
            (question.answer_tokens, offer.output_price),
        ):
            metrics.nano_usd += cost_nano_usd(tokens, price or NanoUsd(0))
        first_s = (self._first_us - self._tried_us) / SECOND_US
        self._asker.measure(offer, Seen(question.prompt_tokens, first_s, question.answer_tokens, whole_s - waited_s))
        self._note("answered", offer.name, int(choice.sanitize), self._first_us - self._asked_us)

    # The truth

    def _holder(self, offer: Offer) -> SimIsland | None:
        return self._mesh.islands[IslandId(offer.island_id)] if offer.island_id else None

    def _place(self, offer: Offer) -> str:
        holder = self._holder(offer)
        return offer.island if holder is None else holder.me.name

    def _tier(self, offer: Offer) -> Tier:
        holder = self._holder(offer)
        return self._mesh.world.tier(self._asker.island.me, None if holder is None else holder.me)

    def _check(self, choice: Choice) -> None:
        """Counts what crossed a boundary, by whose island it truly is and by the policy's own table."""
        question, clearance = self._question, self._asker.scenario.policy.clearance[self._tier(choice.offer)]
        seen, most = (question.after, clearance.sanitised) if choice.sanitize else (question.assessed, clearance.as_is)
        if seen is None or most is None or seen > most:
            self._mesh.metrics.violations += 1
            self._note("violation", choice.offer.name)
        if clearance.as_is is None or question.kind.sensitivity > clearance.as_is:
            self._mesh.metrics.exposed_units += question.missed


def _own_offer(asker: Asker, me: Member, model: ModelClass) -> Offer:
    server = asker.island.servers[model.name]
    seen = asker.seen(me.island, model.name)
    return Offer(
        island=me.name,
        island_id=me.island,
        model=model.name,
        backend="embedded",
        tier=me.ceiling,
        own=True,
        origin=Origin.EMBEDDED,
        distance=distance(me.ceiling, here=True, own=True),
        context_tokens=model.context_tokens,
        tools=True,
        slots=model.slots,
        free=server.free,
        queue=server.queued,
        input_price=NanoUsd(0),
        output_price=NanoUsd(0),
        member_live=True,
        fresh=True,
        alive=True,
        quality=model.quality,
        **seen.expected(asker.now_s, _claim(model))._asdict(),
    )


def _claim(model: ModelClass) -> Claim:
    return Claim(model.ttft_ms / 1_000, float(model.tokens_per_s), float(model.prompt_tokens_per_s))


def _provider_offer(asker: Asker, provider: Provider) -> Offer:
    model = provider.model
    seen = asker.seen("", model.name)
    return Offer(
        island=provider.name,
        island_id="",
        model=model.name,
        backend="provider",
        tier=Tier.CLOUD,
        own=False,
        origin=Origin.REMOTE,
        distance=distance(Tier.CLOUD, here=False, own=False),
        context_tokens=model.context_tokens,
        tools=True,
        slots=model.slots,
        free=model.slots,
        queue=0,
        input_price=provider.input_price,
        output_price=provider.output_price,
        member_live=True,
        fresh=True,
        alive=True,
        quality=model.quality,
        **seen.expected(asker.now_s, _claim(model))._asdict(),
    )
