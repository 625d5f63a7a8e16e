/**
 * Make a slow PostgreSQL database faster, and prove it.
 *
 * The functions convert and never decide: what a call does, its defaults and its errors are those of the Rust library.
 */

export * from "./calls.js";
export { Competition, compete, type CompeteOptions } from "./competition.js";
export { useEmbeddedPostgres } from "./embedded.js";
export { PgverseError, type ErrorCode } from "./errors.js";
export { Probe, type Agent, type ForkBackend, type Judge, type OwnFork, type Row } from "./foreign.js";
export type { WorkloadSource } from "./requests.js";
export type * from "../types";
