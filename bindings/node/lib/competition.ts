/** A competition: watched, cancelled, run once. */

import { fromNative } from "./errors.js";
import { bridge, type Agent, type ForkBackend, type Judge } from "./foreign.js";
import { native, type NativeContest } from "./native.js";
import { problemOf, workloadInput, type WorkloadSource } from "./requests.js";
import { run } from "./run.js";
import type { CompeteRequest, Event, Problem, Report, UniverseOutcome, UniverseTask } from "../types";

/** What a competition may be asked for; the rest is left to the library. */
export interface CompeteOptions extends Omit<CompeteRequest, "agents" | "backend" | "problem" | "workload"> {
  /** Names of the library's own agents, objects with `propose(probe, brief)`, or functions; all of the library's if absent. */
  agents?: ReadonlyArray<string | Agent | Agent["propose"]>;
  /** A backend's name or URL, or an object with `fork()` and `destroy(id)`. */
  backend?: string | ForkBackend;
  /** An object with `judge(problem, trials, verdict)`, or a function. */
  judge?: Judge | Judge["judge"];
  /** A path, statements as values, or what `workload` returned. */
  workload?: WorkloadSource;
  /** Statements as a text of SQL. */
  sql?: string;
  /** What is to be made better: in plain words, or whole. */
  problem?: Problem | string;
}

/** Strategies that compete on forks of a database; of the demo shop without a source. */
export class Competition {
  readonly #native: NativeContest;

  /** Throws a `PgverseError` for what is wrong with the options. */
  constructor(options: CompeteOptions = {}) {
    const { agents, backend, judge, workload, sql, problem, ...rest } = options;
    const isName = (agent: unknown): agent is string => typeof agent === "string";
    const request: CompeteRequest = {
      ...rest,
      ...(agents && { agents: agents.filter(isName) }),
      ...(typeof backend === "string" && { backend }),
      workload: workloadInput(workload, sql),
      problem: problemOf(problem),
    };
    const own = agents?.flatMap((agent) => (isName(agent) ? [] : [bridge(agent as object, "propose")]));
    try {
      this.#native = new native.NativeContest(
        JSON.stringify(request),
        own ?? [],
        backend === undefined || typeof backend === "string" ? undefined : bridge(backend, "fork"),
        judge === undefined ? undefined : bridge(judge as object, "judge"),
      );
    } catch (error) {
      throw fromNative(error);
    }
  }

  /** Runs to the verdict. If the signal aborts, all forks are destroyed before the promise is rejected. */
  run(options: { signal?: AbortSignal } = {}): Promise<Report> {
    return run<Report>(this.#native, options.signal);
  }

  /** One task for each agent's universe: plain data, for workers on other machines. */
  tasks(): UniverseTask[] {
    try {
      return JSON.parse(this.#native.tasks()) as UniverseTask[];
    } catch (error) {
      throw fromNative(error);
    }
  }

  /** Runs one universe here, in a competition that was made like the one of the task; its fork is destroyed. */
  runUniverse(task: UniverseTask, options: { signal?: AbortSignal } = {}): Promise<UniverseOutcome> {
    const native = this.#native;
    const call = { run: () => native.runUniverse(JSON.stringify(task)), cancel: () => native.cancel() };
    return run(call, options.signal);
  }

  /** The verdict over universes that ran elsewhere, one for each task; the grand final runs here. */
  conclude(outcomes: readonly UniverseOutcome[], options: { signal?: AbortSignal } = {}): Promise<Report> {
    const native = this.#native;
    const call = { run: () => native.conclude(JSON.stringify(outcomes)), cancel: () => native.cancel() };
    return run(call, options.signal);
  }

  /** Stops the run; all forks are destroyed before it ends, with an error whose `code` is `cancelled`. */
  cancel(): void {
    this.#native.cancel();
  }

  /** All events from the first one on, also those before the call; ends when the run ends. */
  async *events(): AsyncGenerator<Event, void, undefined> {
    const events = this.#native.events();
    for (let event = await events.next(); event !== null; event = await events.next()) {
      yield JSON.parse(event) as Event;
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<Event, void, undefined> {
    return this.events();
  }
}

/** Runs a competition to the verdict. */
export function compete(options: CompeteOptions & { signal?: AbortSignal } = {}): Promise<Report> {
  const { signal, ...rest } = options;
  // What is wrong with the options rejects the promise, too.
  return Promise.resolve().then(() => new Competition(rest).run({ signal }));
}
