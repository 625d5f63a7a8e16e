/** The command line: `npx pgverse`. */

import { native } from "./native.js";

/** Runs the command to its exit status. */
export function runCommand(args: readonly string[]): number {
  return native.command(["pgverse", ...args]);
}
