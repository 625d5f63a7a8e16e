/** Errors by kind. */

/** The kinds of errors, as `code` of a `PgverseError`. */
export type ErrorCode =
  | "invalid_input"
  | "not_found"
  | "connection"
  | "authentication"
  | "permission"
  | "sql"
  | "timeout"
  | "cancelled"
  | "unsupported"
  | "busy"
  | "disk"
  | "process"
  | "agent"
  | "internal";

/** An error of the library; `message` has it all in one line. */
export class PgverseError extends Error {
  override readonly name = "PgverseError";
  /** What kind of error it is. */
  readonly code: ErrorCode;
  /** What happened, without place and causes. */
  readonly what: string;
  /** Where it happened. */
  readonly context: Readonly<Record<string, string>>;
  /** The way out, if one is known. */
  readonly hint: string | null;

  constructor(
    text: string,
    told: { code: ErrorCode; what?: string; context?: Record<string, string>; hint?: string | null },
  ) {
    super(text);
    this.code = told.code;
    this.what = told.what ?? text;
    this.context = told.context ?? {};
    this.hint = told.hint ?? null;
  }
}

/** The error that the native part tells as JSON. */
export function fromNative(error: unknown): PgverseError {
  const text = error instanceof Error ? error.message : String(error);
  try {
    const told = JSON.parse(text) as {
      kind: ErrorCode;
      message: string;
      context: Record<string, string>;
      hint: string | null;
      text: string;
    };
    return new PgverseError(told.text, {
      code: told.kind,
      what: told.message,
      context: told.context,
      hint: told.hint,
    });
  } catch {
    return new PgverseError(text, { code: "internal" });
  }
}
