/** All calls but the competition. */

import { workloadInput, type WorkloadSource } from "./requests.js";
import { named } from "./run.js";
import type {
  Fork,
  ForkRequest,
  PromoteRequest,
  Promoted,
  PromotionPlan,
  PromotionRecord,
  Rehearsal,
  Report,
  RollbackRequest,
  SameRequest,
  Sameness,
  SourceRequest,
  Universe,
  Workload,
} from "../types";

/** How a call may be ended early; what it made is cleaned up first. */
export interface CallOptions {
  signal?: AbortSignal;
}

/** Reads statements from a file, a text of SQL, or values. Without any, those of the demo. */
export function workload(
  given: { workload?: WorkloadSource; sql?: string } = {},
  options: CallOptions = {},
): Promise<Workload> {
  const input = workloadInput(given.workload, given.sql);
  return named(input ? "workload" : "demo_workload", input, options.signal);
}

/** Do two queries give the same answers? Compared on a fork, and on tiny databases made to find a difference. */
export function same(request: SameRequest, options: CallOptions = {}): Promise<Sameness> {
  return named("same", request, options.signal);
}

/** What promoting the winner would do, and the hash that approves it. */
export function plan(report: Report, options: CallOptions = {}): Promise<PromotionPlan> {
  return named("plan", report, options.signal);
}

/** The recorded measurements, judged again: the same verdict. */
export function judge(report: Report, options: CallOptions = {}): Promise<Report> {
  return named("judge", report, options.signal);
}

/** Checks everything and tells exactly what a promotion would run; writes nothing. */
export function rehearse(
  request: Pick<PromoteRequest, "report" | "source">,
  options: CallOptions = {},
): Promise<Rehearsal> {
  return named("rehearse", request, options.signal);
}

/** Carries out the winner's plan, which is approved by its hash, without blocking production. */
export function promote(
  request: PromoteRequest & { approve: string },
  options: CallOptions = {},
): Promise<Promoted> {
  return named("promote", request, options.signal);
}

/** Undoes a promotion. */
export function rollback(request: RollbackRequest, options: CallOptions = {}): Promise<PromotionRecord> {
  return named("rollback", request, options.signal);
}

/** What was promoted, and how far it came. */
export function promotions(request: { source: string }, options: CallOptions = {}): Promise<PromotionRecord[]> {
  return named("promotions", request, options.signal);
}

/** Makes a fork that stays until it is destroyed or its time is over; of the demo shop without a source. */
export function fork(request: ForkRequest = {}, options: CallOptions = {}): Promise<Fork> {
  return named("fork", request, options.signal);
}

/** Every fork that has a lease on this machine, and, with a source, every one that its server knows of. */
export function forks(request: SourceRequest = {}, options: CallOptions = {}): Promise<Universe[]> {
  return named("forks", request, options.signal);
}

/** Destroys one fork. */
export async function destroy(request: SourceRequest & { id: string }, options: CallOptions = {}): Promise<void> {
  await named("destroy", request, options.signal);
}

/** Destroys the forks of runs that died, and returns their names. */
export function sweep(request: SourceRequest = {}, options: CallOptions = {}): Promise<string[]> {
  return named("sweep", request, options.signal);
}
