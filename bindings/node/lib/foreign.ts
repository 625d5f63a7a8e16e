/** Agents, fork backends and judges written in JavaScript. */

import { fromNative } from "./errors.js";
import type { NativeObject, NativeProbe } from "./native.js";
import type { Brief, Candidate, Plan, Problem, Trial, Verdict } from "../types";

type Awaitable<T> = T | Promise<T>;

/** A row of a query. */
export type Row = Record<string, unknown>;

/** Read-only questions to the agent's own universe, while its `propose` runs. */
export class Probe {
  readonly #native: NativeProbe;
  /** Aborts when nobody waits for the proposal any more. */
  readonly signal: AbortSignal;

  constructor(native: NativeProbe, signal: AbortSignal) {
    this.#native = native;
    this.signal = signal;
  }

  /** Rows of one read-only query. */
  async query(sql: string): Promise<Row[]> {
    return JSON.parse(await this.#native.query(sql).catch(rethrow)) as Row[];
  }

  /** The plan of a statement with these parameter values; it is not run. */
  async explain(sql: string, values: Array<string | null> = []): Promise<Plan> {
    return JSON.parse(await this.#native.explain(sql, values).catch(rethrow)) as Plan;
  }
}

function rethrow(error: unknown): never {
  throw fromNative(error);
}

/** Reads a brief, returns candidates, best first. Reads only: the engine applies what is proposed. */
export interface Agent {
  name?: string;
  propose(probe: Probe, brief: Brief): Awaitable<Candidate[]>;
}

/** A fork as a backend of one's own tells it. */
export interface OwnFork {
  id: string;
  /** Connection string, with the password. */
  dsn: string;
  mechanism?: string;
  bytes?: number;
  full_bytes?: number;
}

/** Makes and unmakes forks. */
export interface ForkBackend {
  /** What it can do; little if absent. */
  capability?: Record<string, unknown>;
  fork(): Awaitable<OwnFork>;
  /** Destroys a fork; one that is gone already is fine. */
  destroy(id: string): Awaitable<void>;
  /** Called once, before the first fork. */
  prepare?(): Awaitable<void>;
  /** Destroys what dead processes left, and returns its names. */
  sweep?(): Awaitable<string[]>;
}

/** Decides, purely; `verdict` is that of the library's own judge, to be returned as it is or changed. */
export interface Judge {
  name?: string;
  judge(problem: Problem, trials: Trial[], verdict: Verdict): Awaitable<Verdict>;
}

type Method = (...args: unknown[]) => unknown;

/** An object, or a function in the place of one with this method, as the native part takes it. */
export function bridge(target: object | Method, method: string): NativeObject {
  const own: object =
    typeof target === "function" ? { name: target.name || "custom", [method]: target } : target;
  const part = (key: string): unknown => (own as Record<string, unknown>)[key];
  const name = part("name") ?? own.constructor.name.toLowerCase();
  const waiting = new Map<number, AbortController>();
  return {
    name: String(name),
    methods: ["propose", "judge", "fork", "destroy", "prepare", "sweep"].filter(
      (known) => typeof part(known) === "function",
    ),
    ...(part("capability") === undefined ? {} : { capability: JSON.stringify(part("capability")) }),
    async invoke(ticket, called, args, probe) {
      const controller = new AbortController();
      waiting.set(ticket, controller);
      try {
        const values = JSON.parse(args) as unknown[];
        if (probe) values.unshift(new Probe(probe, controller.signal));
        // The controller holds this promise and thereby the call: a promise that can never settle would otherwise be
        // collected while it is waited for.
        const abandoned = new Promise<never>((_, reject) =>
          controller.signal.addEventListener("abort", () => reject(new Error("nobody waits any more")), { once: true }),
        );
        const value = await Promise.race([(part(called) as Method).apply(own, values), abandoned]);
        return JSON.stringify({ value: value ?? null });
      } catch (error) {
        // Whatever it is, it is the agent's, and the competition goes on.
        return JSON.stringify({ error: error instanceof Error ? (error.stack ?? String(error)) : String(error) });
      } finally {
        waiting.delete(ticket);
      }
    },
    abandon(ticket) {
      waiting.get(ticket)?.abort();
    },
  };
}
