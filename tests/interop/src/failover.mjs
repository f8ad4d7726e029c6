// specs/09-decision.md, "Failover": the machine that walks a plan.

const CONNECT_MS = 5_000;
const FIRST_TOKEN_MS = 60_000;
const SIGN_OF_LIFE_MS = 60_000;
const FAILURES = ["not_connected", "refused", "ambiguous", "timed_out"];
const ENDED_BY_FAILURE = "failed";

export class Failover {
  constructor(plan) {
    this.left = [...plan];
    this.state = "ready";
    this.trying = null;
    this.ambiguous = false;
    this.reachable = false;
  }

  on(event, now) {
    const failure = FAILURES.includes(event);
    const { state } = this;
    if (state === "ready" && event === "start") return this.next(now);
    if ((state === "trying" || state === "sent") && failure) return this.failed(event, now);
    if (state === "trying" && event === "connected") return this.wait("sent", now + FIRST_TOKEN_MS);
    if ((state === "sent" || state === "streaming") && event === "token") return this.wait("streaming", now + SIGN_OF_LIFE_MS);
    if ((state === "sent" || state === "streaming") && event === "finished") return this.end("done", { done: true });
    if (state === "streaming" && failure) return this.cut();
    return { misuse: state };
  }

  wait(state, until) {
    this.state = state;
    return { wait_until_ms: until };
  }

  end(state, told) {
    this.state = state;
    return told;
  }

  failed(event, now) {
    if (event !== "not_connected") this.reachable = true;
    if (this.trying.paid && (event === "ambiguous" || event === "timed_out")) this.ambiguous = true;
    return this.next(now);
  }

  cut() {
    if (this.trying.paid) this.ambiguous = true;
    return this.end("cut", { cut: true, should_retry: !this.ambiguous });
  }

  next(now) {
    if (this.ambiguous) this.left = this.left.filter((each) => !each.paid);
    this.trying = this.left.shift() ?? null;
    if (this.trying) return this.end("trying", { try: this.trying.offer, until_ms: now + CONNECT_MS });
    const why = this.ambiguous ? "paid_attempt_ambiguous" : "every_offer_failed";
    return this.end(ENDED_BY_FAILURE, { fail: why, reachable: this.reachable, should_retry: !this.ambiguous });
  }
}
