/** The native part: built beside this package, or brought by the package of this platform. */

import { existsSync } from "node:fs";
import { join } from "node:path";

export interface NativeCall {
  run(): Promise<string>;
  cancel(): void;
}

export interface NativeEvents {
  next(): Promise<string | null>;
}

export interface NativeProbe {
  query(sql: string): Promise<string>;
  explain(sql: string, values: Array<string | null>): Promise<string>;
}

export interface NativeObject {
  name: string;
  methods: string[];
  capability?: string;
  invoke(ticket: number, method: string, args: string, probe: NativeProbe | null): Promise<string>;
  abandon(ticket: number): void;
}

export interface NativeContest extends NativeCall {
  events(): NativeEvents;
  tasks(): string;
  runUniverse(task: string): Promise<string>;
  conclude(outcomes: string): Promise<string>;
}

interface Native {
  NativeCall: new (name: string, request: string) => NativeCall;
  NativeContest: new (
    request: string,
    agents: NativeObject[],
    backend?: NativeObject,
    judge?: NativeObject,
  ) => NativeContest;
  command(args: string[]): number;
  errorKinds(): string[];
}

/** The platform in the names of napi's packages. */
function platform(): string {
  const parts: string[] = [process.platform, process.arch];
  if (process.platform === "linux") {
    const header = (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header;
    parts.push(header.glibcVersionRuntime ? "gnu" : "musl");
  } else if (process.platform === "win32") {
    parts.push("msvc");
  }
  return parts.join("-");
}

function load(): Native {
  const here = join(__dirname, "..", `pgverse.${platform()}.node`);
  const name = existsSync(here) ? here : `pgverse-${platform()}`;
  try {
    return require(name) as Native;
  } catch (error) {
    throw new Error(`pgverse has no native part for this platform; install the package pgverse-${platform()}`, {
      cause: error,
    });
  }
}

export const native: Native = load();
