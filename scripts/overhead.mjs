// What the Node.js package adds: its wall time beside that of the library in the same run, and events through it.
import { Competition } from "pgverse";

const options = { min_rounds: 6, max_rounds: 30, measuring_seconds: 10, falsification_databases: 20 };
const EVENTS = 10_000;

const competition = new Competition({ agents: ["index"], demo_scale: 0.05, options });
const watch = async () => {
  let seen = 0;
  for await (const _ of competition) seen += 1;
  return seen;
};
const watching = watch();
let begin = performance.now();
const report = await competition.run();
const wall = (performance.now() - begin) / 1e3;
await watching;
const own = report.timing.total_seconds;
const more = (100 * (wall / own - 1)).toFixed(2);
console.log(`Node.js: ${wall.toFixed(3)} s for a competition that took the library ${own.toFixed(3)} s: ${more} % more`);
begin = performance.now();
let seen = 0;
while (seen < EVENTS) seen += await watch();
const took = performance.now() - begin;
console.log(`Node.js: ${seen} events in ${(took / 1e3).toFixed(2)} s, ${((1e3 * took) / seen).toFixed(0)} microseconds each`);
