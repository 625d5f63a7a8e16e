/** The competitions of this process: started, watched, cancelled, promoted. Nothing here knows of HTTP. */

import { randomUUID } from "node:crypto";

import {
  Competition,
  PgverseError,
  plan,
  promote,
  type CompeteOptions,
  type PromoteRequest,
  type Promoted,
  type PromotionPlan,
  type Report,
} from "pgverse";

export type State = "running" | "finished" | "cancelled" | "failed";

/** One competition. */
export class Entry {
  readonly id = randomUUID();
  readonly competition: Competition;
  /** Resolves when it has ended, in whichever way. */
  readonly ended: Promise<void>;
  state: State = "running";
  report: Report | null = null;
  plan: PromotionPlan | null = null;
  error: PgverseError | null = null;

  constructor(competition: Competition) {
    this.competition = competition;
    this.ended = this.#finish();
  }

  async #finish(): Promise<void> {
    try {
      this.report = await this.competition.run();
      if (this.report.verdict.winner) this.plan = await plan(this.report);
      this.state = "finished";
    } catch (error) {
      if (!(error instanceof PgverseError)) throw error;
      this.error = error;
      this.state = error.code === "cancelled" ? "cancelled" : "failed";
    }
  }

  /** Resolves when every fork is destroyed. */
  async cancel(): Promise<void> {
    if (this.state === "running") this.competition.cancel();
    await this.ended;
  }
}

/** At most `most` at once; of those that ended, the last `kept` are remembered. */
export class Competitions {
  readonly entries = new Map<string, Entry>();

  constructor(
    readonly most: number,
    readonly kept = 100,
  ) {}

  /** Starts a competition; `busy` if there are too many. */
  start(options: CompeteOptions): Entry {
    const running = [...this.entries.values()].filter((entry) => entry.state === "running").length;
    if (running >= this.most) {
      throw new PgverseError(`${this.most} competitions are running already`, { code: "busy", hint: "try again later" });
    }
    const entry = new Entry(new Competition(options));
    this.entries.set(entry.id, entry);
    const over = [...this.entries.values()].filter((old) => old.state !== "running").slice(0, -this.kept);
    for (const old of over) this.entries.delete(old.id);
    return entry;
  }

  /** `not_found` for an unknown id. */
  get(id: string): Entry {
    const entry = this.entries.get(id);
    if (!entry) throw new PgverseError("there is no such competition", { code: "not_found", context: { id } });
    return entry;
  }

  /** Cancels whatever runs; no fork is left. */
  async close(): Promise<void> {
    await Promise.all([...this.entries.values()].map((entry) => entry.cancel()));
  }

  /** Carries out the approved plan of a winner. */
  async promote(
    id: string,
    source: string | undefined,
    approval: Omit<PromoteRequest, "report" | "source"> & { approve: string },
  ): Promise<Promoted> {
    const entry = this.get(id);
    if (!entry.report || !entry.plan) {
      throw new PgverseError("there is no winner to promote", { code: "busy", context: { id, state: entry.state } });
    }
    if (source === undefined) {
      throw new PgverseError("the demo shop has no production", { code: "invalid_input", hint: "set PGVERSE_SOURCE" });
    }
    return promote({ report: entry.report, source, ...approval });
  }
}
