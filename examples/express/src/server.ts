/**
 * The competition as an HTTP service. Run it: npm run build && npm start
 *
 * PGVERSE_SOURCE is the database, as libpq takes it; without it, the demo shop. Clients never send credentials.
 * PGVERSE_MAX_RUNNING is how many competitions may run at once (1: they measure on the same machine).
 */

import express, { type NextFunction, type Request, type Response } from "express";
import { PgverseError, type CompeteOptions, type ErrorCode } from "pgverse";

import { Competitions, type Entry } from "./competitions.js";

const SOURCE = process.env["PGVERSE_SOURCE"];
const STATUS: Partial<Record<ErrorCode, number>> = {
  invalid_input: 422,
  not_found: 404,
  permission: 403,
  busy: 409,
  cancelled: 409,
  unsupported: 501,
  connection: 502,
  authentication: 502,
  timeout: 504,
};

/** What may be asked for; the rest is left to the library. */
const ASKED = ["sql", "description", "agents", "options", "deadline_seconds", "seed", "demo_scale"];
const APPROVAL = ["approve", "watch_seconds", "auto_rollback"];

function fields(body: unknown, known: readonly string[]): Record<string, unknown> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new PgverseError("a JSON object is expected", { code: "invalid_input" });
  }
  const unknown = Object.keys(body).filter((key) => !known.includes(key));
  if (unknown.length > 0) {
    throw new PgverseError("there are no such fields", {
      code: "invalid_input",
      context: { fields: unknown.join(", ") },
      hint: `the fields are: ${known.join(", ")}`,
    });
  }
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
}

function told(error: PgverseError): Record<string, unknown> {
  return { kind: error.code, message: error.what, context: error.context, hint: error.hint };
}

function shown(entry: Entry): Record<string, unknown> {
  return {
    id: entry.id,
    state: entry.state,
    winner: entry.report?.verdict.winner ?? null,
    reason: entry.report?.verdict.reason ?? null,
    plan: entry.plan,
    report: entry.report,
    error: entry.error && told(entry.error),
  };
}

const competitions = new Competitions(Number(process.env["PGVERSE_MAX_RUNNING"] ?? 1));
const app = express();
app.use(express.json({ limit: "4mb" }));

app.post("/api/optimize", (request, response) => {
  const { description, ...asked } = fields(request.body, ASKED);
  // The library reads and checks what was asked for.
  const options = { ...asked, problem: description, source: SOURCE } as CompeteOptions;
  const entry = competitions.start(options);
  response.status(202).location(`/api/optimize/${entry.id}`).json(shown(entry));
});

app.get("/api/optimize", (_, response) => {
  response.json([...competitions.entries.values()].map((entry) => ({ ...shown(entry), report: null })));
});

app.get("/api/optimize/:id", (request, response) => {
  response.json(shown(competitions.get(request.params.id)));
});

app.delete("/api/optimize/:id", async (request, response) => {
  const entry = competitions.get(request.params.id);
  await entry.cancel();
  response.json(shown(entry));
});

app.get("/api/optimize/:id/events", async (request, response) => {
  const entry = competitions.get(request.params.id);
  response.set({ "Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no" });
  response.flushHeaders();
  response.on("close", () => {
    // Whoever asks for it takes the competition along when it leaves.
    if (request.query["cancel_on_disconnect"] === "true" && entry.state === "running") entry.competition.cancel();
  });
  let number = 0;
  const send = (event: string, data: unknown): void => {
    number += 1;
    response.write(`event: ${event}\nid: ${number}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  for await (const event of entry.competition) {
    if (response.destroyed) return;
    send(event.type, event);
  }
  await entry.ended;
  send("end", { state: entry.state });
  response.end();
});

app.post("/api/optimize/:id/promote", async (request, response) => {
  const approval = fields(request.body, APPROVAL);
  if (typeof approval["approve"] !== "string") {
    throw new PgverseError("approve is missing", { code: "invalid_input", hint: "it is the hash of the plan" });
  }
  response.json(await competitions.promote(request.params.id, SOURCE, { ...approval, approve: approval["approve"] }));
});

app.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
  if (response.headersSent) return next(error);
  if (error instanceof PgverseError) {
    if (error.code === "busy") response.set("Retry-After", "30");
    response.status(STATUS[error.code] ?? 500).json(told(error));
  } else if (error instanceof SyntaxError) {
    response.status(422).json({ kind: "invalid_input", message: error.message, context: {}, hint: null });
  } else {
    next(error);
  }
});

const server = app.listen(Number(process.env["PORT"] ?? 8000), process.env["HOST"] ?? "127.0.0.1", (error) => {
  if (error) throw error;
  const address = server.address();
  console.log(`listening on ${typeof address === "object" && address ? address.port : address}`);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    server.close();
    server.closeAllConnections();
    void competitions.close();
  });
}
