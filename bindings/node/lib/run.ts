/** Calls that run on the library's threads, how they are cancelled, and Ctrl-C. */

import { fromNative } from "./errors.js";
import { native, type NativeCall } from "./native.js";

const live = new Set<NativeCall>();
let interrupted: NodeJS.Signals | null = null;

/**
 * Nobody else listens for the signal: without us the program would end at once, and leave its forks to the next sweep.
 * A program that listens decides for itself, and cancels its runs if it wants to.
 */
function interrupt(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  interrupted = signal;
  for (const call of live) call.cancel();
}

function enter(call: NativeCall): void {
  if (live.size === 0) {
    process.on("SIGINT", interrupt);
    process.on("SIGTERM", interrupt);
  }
  live.add(call);
}

function leave(call: NativeCall): void {
  live.delete(call);
  if (live.size > 0) return;
  process.off("SIGINT", interrupt);
  process.off("SIGTERM", interrupt);
  if (interrupted) process.kill(process.pid, interrupted);
}

/** Runs a call to its end. If the signal aborts, what the call made is cleaned up before the promise is rejected. */
export async function run<T>(call: NativeCall, signal?: AbortSignal): Promise<T> {
  signal?.throwIfAborted();
  const abort = (): void => call.cancel();
  signal?.addEventListener("abort", abort, { once: true });
  enter(call);
  try {
    return JSON.parse(await call.run()) as T;
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw fromNative(error);
  } finally {
    signal?.removeEventListener("abort", abort);
    leave(call);
  }
}

/** Runs the call of this name. */
export function named<T>(name: string, request: unknown, signal?: AbortSignal): Promise<T> {
  return run<T>(new native.NativeCall(name, JSON.stringify(request ?? null)), signal);
}
