/** Arguments into requests; what was not given is left to the library. */

import type { Problem, Workload, WorkloadInput } from "../types";

/** A path, statements as values, or what `workload` returned. */
export type WorkloadSource = string | Workload | ReadonlyArray<unknown> | Readonly<Record<string, unknown>>;

/** The workload of a request, from one of the two ways in which it may be given. */
export function workloadInput(workload?: WorkloadSource, sql?: string): WorkloadInput | undefined {
  if (sql !== undefined) return { text: sql };
  if (workload === undefined) return undefined;
  if (typeof workload === "string") return { file: workload };
  if (isParsed(workload)) return { parsed: workload };
  return { text: JSON.stringify(workload) };
}

function isParsed(workload: object): workload is Workload {
  const statements = (workload as { statements?: unknown }).statements;
  return Array.isArray(statements) && statements.every((s) => typeof s === "object" && s && "fingerprint" in s);
}

/** A problem in plain words, or whole. */
export function problemOf(problem?: Problem | string): Problem | undefined {
  return typeof problem === "string" ? { description: problem } : problem;
}
