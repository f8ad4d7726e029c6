// specs/09-decision.md, "Failover" and "Hedging": the machine that walks a plan.

const CONNECT_MS = 5_000;
const FIRST_TOKEN_MS = 60_000;
const SIGN_OF_LIFE_MS = 60_000;
const PATIENCE_S_MIN = 2;
const FAILURES = ["not_connected", "refused", "ambiguous", "timed_out"];
const ENDED_BY_FAILURE = "failed";

/** How long an unpaid offer may be silent, in milliseconds; null: for ever. */
export function patience(offer, promptTokens, outputTokens) {
  const reading = offer.ttft_s + promptTokens / offer.prefill_tokens_per_s;
  const whole = reading + outputTokens / offer.tokens_per_s;
  const others = offer.free > 0 ? 0 : (offer.queue + 1) / Math.max(offer.slots, 1);
  const twice = 2 * ((reading + whole * others) * (1 + (offer.probation ? 1 : offer.doubt)));
  if (!(twice >= 0 && twice < FIRST_TOKEN_MS / 1_000)) return null;
  return Math.ceil(Math.max(PATIENCE_S_MIN, twice) * 1_000);
}

export class Failover {
  /** `patienceMs`: of every offer; null: nobody is asked beside another. */
  constructor(plan, patienceMs = null) {
    this.left = [...plan];
    this.patienceMs = patienceMs;
    this.over = "ready"; // what the state is while nothing is under way
    this.underWay = new Map();
    this.begun = 0;
    this.ambiguous = false;
    this.reachable = false;
  }

  get state() {
    for (const attempt of this.underWay.values()) return attempt.state;
    return this.over;
  }

  /** `number`: of the attempt; of the only one under way where it is left out. */
  on(event, now, number) {
    if (this.state === "ready" && event === "start") return this.next(now);
    const which = number ?? (this.underWay.size === 1 ? [...this.underWay.keys()][0] : null);
    const attempt = this.underWay.get(which);
    if (!attempt) return { misuse: this.state };
    return this.step(event, now, which, attempt) ?? { misuse: attempt.state };
  }

  step(event, now, number, attempt) {
    const failure = FAILURES.includes(event);
    const waiting = attempt.state === "trying" || attempt.state === "sent";
    const slow = event === "slow" && attempt.slow !== null && now >= attempt.slow;
    const answering = attempt.state === "sent" || attempt.state === "streaming";
    if (waiting && failure) return this.failed(event, now, number, attempt);
    if (slow) return waiting ? this.beside(now) : { go_on: true };
    if (attempt.state === "trying" && event === "connected") return this.wait(attempt, "sent", now + FIRST_TOKEN_MS, {});
    if (answering && event === "token") return this.wait(attempt, "streaming", now + SIGN_OF_LIFE_MS, this.settle(number));
    if (answering && event === "finished") return this.end(number, "done", { done: true, ...this.settle(number) });
    if (attempt.state === "streaming" && failure) return this.cut(number, attempt);
    return null;
  }

  wait(attempt, state, until, lost) {
    attempt.state = state;
    return { wait_until_ms: until, ...lost };
  }

  end(number, state, told) {
    this.underWay.delete(number);
    this.over = state;
    return told;
  }

  settle(number) {
    const lost = [...this.underWay.keys()].find((other) => other !== number);
    if (lost === undefined) return {};
    this.underWay.delete(lost);
    return { lost };
  }

  failed(event, now, number, attempt) {
    if (event !== "not_connected") this.reachable = true;
    if (attempt.paid && (event === "ambiguous" || event === "timed_out")) this.ambiguous = true;
    this.underWay.delete(number);
    return this.underWay.size > 0 ? { go_on: true } : this.next(now);
  }

  cut(number, attempt) {
    if (attempt.paid) this.ambiguous = true;
    return this.end(number, "cut", { cut: true, should_retry: !this.ambiguous });
  }

  next(now) {
    if (this.ambiguous) this.left = this.left.filter((each) => !each.paid);
    if (this.left.length > 0) return this.try(this.left[0], now);
    const why = this.ambiguous ? "paid_attempt_ambiguous" : "every_offer_failed";
    this.over = ENDED_BY_FAILURE;
    return { fail: why, reachable: this.reachable, should_retry: !this.ambiguous };
  }

  beside(now) {
    const second = this.second();
    return second && this.underWay.size < 2 ? this.try(second, now) : { go_on: true };
  }

  second() {
    return this.left.find((each) => !each.paid && each.free > 0);
  }

  try(choice, now) {
    this.left = this.left.filter((each) => each !== choice);
    const hedged = this.patienceMs !== null && !choice.paid && this.second() !== undefined;
    const slow = hedged ? now + this.patienceMs : null;
    this.underWay.set(this.begun++, { paid: choice.paid, state: "trying", slow });
    const told = { try: choice.offer, until_ms: now + CONNECT_MS };
    return slow === null ? told : { ...told, slow_ms: slow };
  }
}
