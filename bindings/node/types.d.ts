// Types of everything that the library takes and gives. Made by scripts/types.py; not to be edited.

/** A competition. */
export interface CompeteRequest {
  /** Connection string of the database as libpq takes it; it is only read. The demo shop if absent. */
  source?: string | null;
  /** Size of the demo shop, where there is no source: 1 is 100,000 users and 500,000 orders. */
  demo_scale?: number;
  /** The statements; those of the demo if absent, which needs the demo shop. */
  workload?: WorkloadInput | null;
  /** What is to be made better, and within which bounds. */
  problem?: Problem | null;
  /** Agents by name; all that the library has if absent. Agents of the host's own are added to them. */
  agents?: Array<string> | null;
  /** How forks are made: a backend's name or URL. */
  backend?: string;
  /** Bounds of each race. */
  options?: RaceOptions;
  /** Most universes alive at once; unlimited if absent. */
  parallel?: number | null;
  /** Seed of every random order. */
  seed?: number;
  /** Stop after so many seconds, and judge what was measured by then. */
  deadline_seconds?: number | null;
  /** Prices, for the comparison of forks with full clones. */
  cost_model?: CostModel;
}

/** A file of SQL, JSON or TOML. */
export interface WorkloadInputFile {
  file: string;
}

/** The text of such a file; it is taken for JSON where it begins with a bracket or brace. */
export interface WorkloadInputText {
  text: string;
}

/** What an earlier call returned. */
export interface WorkloadInputParsed {
  parsed: Workload;
}

/** What the database is asked to do. */
export interface Workload {
  /** In the order in which they were given. */
  statements: Array<Statement>;
}

/** One statement; runnable with each of its parameter sets. */
export interface Statement {
  /** Unique within the workload. */
  id: StatementId;
  /** The text, with `$1`, `$2` … where parameters go, without a trailing semicolon. */
  sql: string;
  /** Equal for statements of the same shape. */
  fingerprint: string;
  /** Read or write. */
  kind: StatementKind;
  /** Never empty; a statement without parameters has one set without values. */
  parameter_sets: Array<ParameterSet>;
  /**
   * Calls per minute, or any other common unit; only the proportions matter, except where a periodic
   * cost (the refresh of a view) is set against it.
   */
  weight: number;
}

/** Values for `$1`, `$2` … as text in the server's input format. */
export interface ParameterSet {
  /** Unique within the statement. */
  id: ParameterSetId;
  /** One for each parameter; `null` is SQL NULL. */
  values: Array<string | null>;
  /** Share among the sets of the statement. */
  weight: number;
  /** Where the values came from. */
  origin: Origin;
}

/** Chosen from the statistics and the rows of the columns that the parameters are compared with. */
export interface OriginSynthesized {
  synthesized: Selectivity;
}

/** The user's problem. */
export interface Problem {
  /** Plain words; shown in the report. */
  description?: string;
  /** What counts. */
  objective?: Objective;
  /** What must hold. */
  limits?: Limits;
}

/**
 * The weighted sum over the slowest executions only, those that users notice: with a `share` of 0.05, the mean
 * time of the slowest 5 % (the expected shortfall at the 95th percentile; Rockafellar and Uryasev, 2000).
 * Each side is taken at its own slowest executions. The refreshing of views is no execution: it has to
 * save more than it takes in total time.
 */
export interface ObjectiveTailTime {
  tail_time: Record<string, unknown>;
}

/** Bounds that a winner must keep. */
export interface Limits {
  /** Extra storage allowed, bytes; unlimited if absent. */
  max_storage_bytes?: number | null;
  /**
   * Largest allowed ratio of write time with the change over write time without it: of the workload's own writes
   * where a candidate touches what they write to, else of generated ones.
   */
  max_write_slowdown?: number;
  /** Largest allowed slowdown of any single read statement and parameter set: 0.10 means 10 %. */
  max_regression?: number;
  /** Smallest gain worth a change: 0.05 means that the workload must become at least 5 % faster. */
  min_gain?: number;
  /** Largest allowed probability that a crowned winner has no such gain. */
  error_rate?: number;
  /** How old an answer may be, seconds; absent means that every answer must be current. */
  max_staleness_seconds?: number | null;
}

/** Bounds of one race; the judge's limits decide when a candidate is done, these decide when to give up. */
export interface RaceOptions {
  /** Rounds before any decision, and rounds that a certified candidate gets at least. */
  min_rounds?: number;
  /** Rounds at the most. */
  max_rounds?: number;
  /**
   * Seconds of measuring for one race, once every live candidate has its `min_rounds`; three times as many for the
   * final.
   */
  measuring_seconds?: number;
  /** Longest time of any single statement, seconds. */
  statement_timeout_seconds?: number;
  /** Longest time that an agent may think and try things out, seconds; its waits for others do not count. */
  agent_timeout_seconds?: number;
  /** Candidates of one agent at the most; the rest is dropped, best first. */
  max_candidates?: number;
  /**
   * Tiny databases on which each rewritten statement is tried before it is raced; 0 leaves it at the
   * comparison on the fork's own data.
   */
  falsification_databases?: number;
}

/** How use is paid for; all prices are the user's own and zero by default. */
export interface CostModel {
  /** Price of one GiB stored for one hour. */
  per_gib_hour: number;
  /** Price of one fork running for one hour. */
  per_fork_hour: number;
}

/** Do two queries give the same answers? */
export interface SameRequest {
  /** Connection string of the database; it is only read. */
  source: string;
  /** The one query, with its parameters as in a workload of SQL. */
  before: string;
  /** The other query; it is asked with the same parameters. */
  after: string;
  /** How the fork is made. */
  backend?: string;
  /** Tiny databases on which both are tried. */
  databases?: number;
  /** Seed of the tiny databases. */
  seed?: number;
}

/** A fork that is made, destroyed or looked for by hand. */
export interface ForkRequest {
  /** Connection string of the database; the demo shop if absent. */
  source?: string | null;
  /** Size of the demo shop, where there is no source. */
  demo_scale?: number;
  /** How it is made: a backend's name or URL. */
  backend?: string;
  /** How long it stays at the least, seconds; after that any sweep may destroy it. */
  ttl_seconds?: number;
}

/** A database on a server, or none. */
export interface SourceRequest {
  /** Connection string. */
  source?: string | null;
}

/** The winner of a report, carried out on the source or rehearsed. */
export interface PromoteRequest {
  /** The report of a competition. */
  report: Report;
  /** Connection string of the database. */
  source: string;
  /** Hash of the plan that is approved; a rehearsal needs none. */
  approve?: string | null;
  /** Watch the statistics of statements so many seconds afterwards. */
  watch_seconds?: number | null;
  /** Undo it if no plan uses it or a statement becomes slower by more than `max_regression`. */
  auto_rollback?: boolean;
  /** Part by which a statement may become slower; that of the report if absent. */
  max_regression?: number | null;
}

/** Everything a reader needs to check the verdict again. */
export interface Report {
  /** Version of this format: 1. */
  format: number;
  /** Unique name of the competition. */
  id: string;
  /** When it began, RFC 3339. */
  started: string;
  /** Seed of every random order. */
  seed: number;
  /** Version of the library. */
  pgverse: string;
  /** The problem. */
  problem: Problem;
  /** The workload. */
  workload: Workload;
  /** Where the data came from. */
  source: SourceReport;
  /** Where the time went. */
  timing: Timing;
  /** One for each agent, in the order in which they were asked for. */
  universes: Array<UniverseReport>;
  /**
   * The grand final, if winners of several universes could be united. Its candidate stands with the
   * leading agent's.
   */
  grand_final?: FinalReport | null;
  /** The decision. */
  verdict: VerdictReport;
  /** What would be done to the source; no steps without a winner. */
  promotion: PromotionReport;
  /** Forks against full clones. */
  costs: CostReport;
  /** Raw samples and answers of every candidate: what `judge` reads. */
  trials: Array<Trial>;
}

/** The server that was forked. */
export interface SourceReport {
  /** `server_version_num`. */
  server_version: number;
  /** Database. */
  database: string;
  /** Bytes of all its tables. */
  table_bytes: number;
  /** Settings that decide plans. */
  settings: Record<string, string>;
  /** Schemas in which unqualified names were looked up, first to last. */
  search_path?: Array<string>;
  /** Tables that the workload or a candidate is about, as they were when they were measured. */
  objects?: Array<ObjectFacts>;
}

/**
 * A table as it was when it was measured: names with digests of their definitions, so that a difference can be
 * named, and no OID, since forks have others.
 */
export interface ObjectFacts {
  /** Schema. */
  schema: string;
  /** Name. */
  name: string;
  /** What it is. */
  kind: TableKind;
  /** Rows by the planner's estimate; negative if never analyzed. */
  rows: number;
  /** Bytes of the table with TOAST, without indexes. */
  bytes: number;
  /** Columns: type, NOT NULL, collation, generated. */
  columns: Record<string, string>;
  /** Constraints: kind, columns, definition. */
  constraints: Record<string, string>;
  /** Valid indexes: `pg_get_indexdef`. */
  indexes: Record<string, string>;
  /** Extended statistics: `pg_get_statisticsobjdef`. */
  statistics: Record<string, string>;
  /** Its direct partitions, as `schema.name`. */
  partitions: Array<string>;
}

/** Where the wall time went. Phases of universes overlap, so they need not add up to the total. */
export interface Timing {
  /** From start to verdict. */
  total_seconds: number;
  /** At least one fork was being made. */
  forking_seconds: number;
  /** At least one candidate was being built. */
  building_seconds: number;
  /** The timing slot was in use. */
  measuring_seconds: number;
  /** At least one statement was running inside PostgreSQL. */
  postgres_seconds: number;
  /** Share of the total during which PostgreSQL was at work. */
  postgres_share: number;
}

/** One universe. */
export interface UniverseReport {
  /** Id; absent if no fork could be made. */
  id?: UniverseId | null;
  /** Agent. */
  agent: AgentName;
  /** Scheme of the backend. */
  backend: string;
  /** How the fork was made. */
  fork: ForkReport;
  /** What went wrong, if it failed as a whole. */
  error?: string | null;
  /** Candidates, in the order in which they were proposed. */
  candidates: Array<CandidateReport>;
}

/** How a fork was made. */
export interface ForkReport {
  /** From the request to the first answered query. */
  seconds: number;
  /** Disk it really took. */
  bytes: number;
  /** Memory that its server took when its work was done, bytes (proportional set size), if that could be told. */
  memory_bytes?: number | null;
  /** Mechanism. */
  mechanism: string;
}

/** One candidate with its measurements. */
export interface CandidateReport {
  /** Id. */
  id: CandidateId;
  /** One line. */
  title: string;
  /** Why it was proposed. */
  rationale: string;
  /** Outcome. */
  status: CandidateStatus;
  /** Why. */
  reason: string;
  /** What it changes. */
  change: Array<ChangeReport>;
  /** Author's estimate, or else the planner's: weighted cost with the change over without it. */
  predicted_ratio?: number | null;
  /** Whether the answers stayed the same. */
  answers: Answers;
  /** Weighted workload time with the change over without it. */
  ratio?: Interval | null;
  /** Each statement and parameter set that was measured. */
  statements: Array<StatementReport>;
  /** What it costs. */
  costs: Costs;
}

/** One operation, as SQL. */
export interface ChangeReport {
  /** Statements that apply it. */
  apply: Array<string>;
  /** Statements that undo it. */
  undo: Array<string>;
  /** Statements that apply it without blocking production. */
  online: Array<string>;
  /** The operation itself. */
  operation: Operation;
}

/** CREATE INDEX. The index lives in the schema of its table. */
export interface OperationCreateIndex {
  type: "create_index";
  /** Schema of the table. */
  schema: string;
  /** Table. */
  table: string;
  /** Index name, not qualified. */
  name: string;
  /** Access method, such as `btree`. */
  method?: string;
  /** Key columns or expressions, in order. */
  keys: Array<IndexKey>;
  /** INCLUDE columns. */
  include?: Array<string>;
  /** WHERE clause as SQL. */
  predicate?: string | null;
  /** The partitions of its table, if it is partitioned; the engine fills it in. */
  partitions?: Array<IndexPartition> | null;
}

/** DROP INDEX. */
export interface OperationDropIndex {
  type: "drop_index";
  /** Schema. */
  schema: string;
  /** Name. */
  name: string;
  /** `pg_get_indexdef`, for the way back. */
  definition: string;
  /** The partitions of its table, if it is partitioned; the engine fills it in. */
  partitions?: Array<IndexPartition> | null;
}

/** CREATE STATISTICS, then ANALYZE of the columns. */
export interface OperationCreateStatistics {
  type: "create_statistics";
  /** Schema of the table and the statistics object. */
  schema: string;
  /** Table. */
  table: string;
  /** Name of the statistics object, not qualified. */
  name: string;
  /** `ndistinct`, `dependencies`, `mcv`; empty means all, and must be empty for a single expression. */
  kinds: Array<string>;
  /** Plain columns. */
  columns: Array<string>;
  /** Expressions as SQL without the outer parentheses. */
  expressions: Array<string>;
}

/** ALTER TABLE … SET STATISTICS, then ANALYZE of the column. */
export interface OperationSetStatisticsTarget {
  type: "set_statistics_target";
  /** Schema. */
  schema: string;
  /** Table. */
  table: string;
  /** Column. */
  column: string;
  /** New target, 1 to 10000. */
  target: number;
  /** Target before; -1 is the default. */
  previous: number;
}

/** ANALYZE of a table. Has no undo: fresh statistics are never worse than stale ones. */
export interface OperationAnalyze {
  type: "analyze";
  /** Schema. */
  schema: string;
  /** Table. */
  table: string;
}

/** A setting for a role, a database, or all of it. */
export interface OperationSetting {
  type: "setting";
  /** Name, such as `work_mem`. */
  name: string;
  /** New value. */
  value: string;
  /** For whom it is promoted. */
  scope: SettingScope;
  /** The value stored there before, which the way back restores; the engine fills it in. */
  previous?: string | null;
}

/** ALTER TABLE … ADD CONSTRAINT: a check or a foreign key. */
export interface OperationAddConstraint {
  type: "add_constraint";
  /** Schema of the table. */
  schema: string;
  /** Table. */
  table: string;
  /** Name of the constraint. */
  name: string;
  /** From `CHECK` or `FOREIGN KEY` on, as `pg_get_constraintdef` prints it. */
  definition: string;
}

/** CREATE MATERIALIZED VIEW with an optional unique index, so that it can be refreshed concurrently. */
export interface OperationCreateMaterializedView {
  type: "create_materialized_view";
  /** Schema. */
  schema: string;
  /** Name. */
  name: string;
  /** The defining query. */
  query: string;
  /** Output columns that identify a row; empty if none are known. */
  unique_key: Array<string>;
  /** How it is kept fresh. */
  refresh: Refresh;
}

/** Another text for a statement of the workload. Nothing changes in the database; the application does. */
export interface OperationRewriteStatement {
  type: "rewrite_statement";
  /** Statement. */
  statement: StatementId;
  /** New text, with the same parameters. */
  sql: string;
  /** The rule that made it, such as `decorrelate_scalar`. */
  rule: string;
}

/**
 * SQL written by hand or by a custom agent, each statement by itself. It runs inside transactions that are rolled
 * back; what refuses a transaction (VACUUM FULL, ALTER SYSTEM …) or writes tables anew is measured on a fork of its
 * own.
 */
export interface OperationSql {
  type: "sql";
  /** Statements to apply. */
  apply: Array<string>;
  /** Statements to undo, in order. */
  undo: Array<string>;
  /** Statements that apply without blocking production; the plain ones where absent. */
  online: Array<string>;
  /** Lock that applying takes. */
  lock: LockLevel;
}

/** One key of an index. */
export interface IndexKey {
  /** Column name, if the key is a plain column. */
  column?: string | null;
  /** Expression as SQL, if it is not. */
  expression?: string | null;
  /** Operator class, if not the default one. */
  opclass?: string | null;
  /** Descending. */
  descending?: boolean;
  /** NULLS FIRST or LAST where it differs from the default of the direction. */
  nulls_first?: boolean | null;
}

/** A partition and the index that it gets as its part of the index on the whole. */
export interface IndexPartition {
  /** Schema of the partition and its index. */
  schema: string;
  /** Partition. */
  table: string;
  /** Index name, not qualified. */
  name: string;
  /** Its own partitions, if it is partitioned itself. */
  partitions?: Array<IndexPartition> | null;
}

/** ALTER DATABASE … SET, for the database of the source. */
export interface SettingScopeDatabase {
  database: string;
}

/** ALTER ROLE … SET. */
export interface SettingScopeRole {
  role: string;
}

/** How a materialized view is kept fresh. */
export interface Refresh {
  /** Seconds between refreshes; the age that an answer may have. */
  every_seconds: number;
  /** Whether REFRESH … CONCURRENTLY is possible. */
  concurrently: boolean;
}

/** A ratio of candidate time over baseline time with its confidence interval; below one is faster. */
export interface Interval {
  /** Point estimate. */
  estimate: number;
  /** Lower end. */
  low: number;
  /** Upper end. */
  high: number;
}

/** One statement and parameter set of a candidate. */
export interface StatementReport {
  /** Statement. */
  id: StatementId;
  /** Parameter set. */
  parameter_set: ParameterSetId;
  /** Pairs measured; zero where the plan is the same. */
  pairs: number;
  /** Median baseline time, milliseconds: without the wait for a processor where that can be read. */
  baseline_ms: number;
  /** Whether the baseline was stopped: it takes at least `baseline_ms`. */
  baseline_cut_off?: boolean;
  /** Median candidate time, milliseconds. */
  candidate_ms: number;
  /** Median processor time of the server process, milliseconds, where it can be read: baseline. */
  baseline_cpu_ms?: number | null;
  /** The same under the candidate. */
  candidate_cpu_ms?: number | null;
  /**
   * Median wall time of the baseline, milliseconds, where the times above are without the wait for a
   * processor; absent where they are wall time themselves.
   */
  baseline_wall_ms?: number | null;
  /** The same under the candidate. */
  candidate_wall_ms?: number | null;
  /** Candidate over baseline, by the clock of `baseline_ms` and `candidate_ms`. */
  ratio: Interval;
}

/** What a candidate costs; all measured on its universe. */
export interface Costs {
  /** Seconds to build. */
  build_seconds: number;
  /** Bytes that it adds (negative where it drops). */
  bytes: number;
  /** Write-ahead log of the build, bytes; absent where other forks write to the same log. */
  wal_bytes?: number | null;
  /**
   * Write time with it over without it: of the workload's own writes, weighted, or of generated ones. Absent
   * where it changes nothing that a write maintains, or where no write could be generated.
   */
  write_ratio?: number | null;
  /** Which writes these were. */
  write_source?: WriteSource | null;
  /** Write-ahead log of the same writes. */
  write_log?: WriteLog | null;
  /** Heap-only updates among the same writes; absent where they update nothing. */
  hot_updates?: HotUpdates | null;
  /** Seconds of one refresh, for what must be refreshed. */
  refresh_seconds?: number | null;
  /** What each operation of the change took, in their order. */
  operations?: Array<OperationCost>;
}

/** Write-ahead log of one execution of each write, bytes, without images of whole pages. */
export interface WriteLog {
  /** Without the change. */
  baseline_bytes: number;
  /** With it. */
  candidate_bytes: number;
}

/**
 * Rows that one execution of each write updated, and how many of them needed no index entry (heap-only tuples;
 * PostgreSQL manual, "Heap-Only Tuples").
 */
export interface HotUpdates {
  /** Rows updated. */
  updated: number;
  /** Heap-only among them without the change. */
  baseline: number;
  /** Heap-only among them with it. */
  candidate: number;
}

/** What one operation took on the fork. */
export interface OperationCost {
  /** Seconds to build. */
  seconds: number;
  /** Bytes that it adds (negative where it drops). */
  bytes: number;
}

/** The universe of the grand final. */
export interface FinalReport {
  /** Id; absent if no fork could be made. */
  id?: UniverseId | null;
  /** How the fork was made. */
  fork: ForkReport;
  /** What went wrong, if it failed as a whole. */
  error?: string | null;
  /** The union that was raced; absent if the finalists came to nothing new. */
  candidate?: CandidateId | null;
}

/** The decision. */
export interface VerdictReport {
  /** Winner, or null. */
  winner?: CandidateId | null;
  /** Its agent. */
  agent?: AgentName | null;
  /** Its ratio. */
  ratio?: Interval | null;
  /** Why this one, or why none. */
  reason: string;
  /** Largest A/A deviation of the run, as a share. */
  noise: number;
  /** Largest drift of a baseline from the first to the last third of its rounds, as a share. */
  drift?: number;
  /** Name of the judge whose rules these are. */
  judge?: string;
}

/** The promotion plan of the winner. */
export interface PromotionReport {
  /** Hash that an approval must name; empty without a winner. */
  hash: string;
  /** In order. */
  steps: Array<PromotionStep>;
}

/** One step. */
export interface PromotionStep {
  /** One line. */
  title: string;
  /** Statements that apply it without blocking production. */
  up: Array<string>;
  /** Statements that undo it without blocking production. */
  down: Array<string>;
  /** The strongest lock on a user's table, of applying it and undoing it. */
  lock: LockLevel;
  /** Whether it may run inside a transaction block. */
  transactional: boolean;
  /** What it took on the fork, if it was built there. */
  cost?: OperationCost | null;
  /** The change itself. */
  operation: Operation;
}

/** Forks against full clones, both over the measured lifetimes of the forks. */
export interface CostReport {
  /** What the forks took. */
  forks: HoldingCost;
  /** What as many full copies would have taken, held as long; the time to copy them is not counted. */
  full_clones: HoldingCost;
  /** How the figures were computed, with the prices used. */
  formula: string;
}

/** Storage held for a time. */
export interface HoldingCost {
  /** How many. */
  count: number;
  /** Bytes, all together. */
  bytes: number;
  /** Bytes times lifetime, in GiB hours. */
  gib_hours: number;
  /** Hours that forks or clones were running, all together. */
  running_hours: number;
  /** In the currency of the prices; zero where no prices are set. */
  price: number;
}

/** Everything the judge may know of a candidate. */
export interface Trial {
  /** Candidate. */
  candidate: CandidateId;
  /** Universe in which baseline and candidate ran side by side. */
  universe: UniverseId;
  /** How far it came. */
  state: TrialState;
  /** Whether the answers stayed the same. */
  answers: Answers;
  /** The comparison of each statement whose answers could have changed. */
  checks: Array<AnswerCheck>;
  /** Raw samples of each statement and parameter set that was measured. */
  samples: Array<PairedSamples>;
  /** What it costs. */
  costs: Costs;
  /** The planner's estimate of the weighted workload cost with the change over without it. */
  planned_ratio?: number | null;
  /** Author's own estimate, if any. */
  predicted_ratio?: number | null;
  /** The oldest answer it allows, seconds. */
  staleness_seconds?: number | null;
  /** For a union: the best single candidate, which ran in the same rounds and must be beaten. */
  rival?: CandidateId | null;
  /** The forks beside its universe, where its change cannot be switched inside a transaction. */
  forks?: OwnForks | null;
  /**
   * The part of the error rate that was its own in the race; the parts of all that may be measured add up to the
   * whole.
   */
  error_rate?: number | null;
  /** Rounds whose samples were not kept, since the caches were not warm yet. */
  warm_up_rounds?: number;
  /** Writes on the tables it touches, generated where the workload's own writes do not reach it. */
  generated_writes?: Array<GeneratedWrite>;
  /** Which writes could not be generated, and why. */
  ungenerated_writes?: Array<string>;
}

/** Measured to the end of the schedule, or until nothing was left to learn. */
export interface TrialStateMeasured {
  state: "measured";
}

/** Not measured, or stopped: answers differ, a bound is broken. */
export interface TrialStateRejected {
  state: "rejected";
  /** Why. */
  reason: string;
}

/** It could not be built or run. */
export interface TrialStateFailed {
  state: "failed";
  /** What went wrong. */
  error: string;
}

/** The comparison of one statement with one parameter set. */
export interface AnswerCheck {
  /** Statement. */
  statement: StatementId;
  /** Parameter set. */
  parameter_set: ParameterSetId;
  /** Outcome. */
  answers: Answers;
  /** Rows of the baseline. */
  baseline_rows: number;
  /** Rows of the candidate. */
  candidate_rows: number;
  /** What differs, or why it cannot be told; empty where the same. */
  reason: string;
  /**
   * What stands behind `same` beside the comparison on the fork's own data, such as "not refuted by 1000
   * databases"; empty where nothing more was tried.
   */
  proof?: string;
  /** The smallest database found on which the answers differ, with both answers, for people to read. */
  counterexample?: string | null;
}

/** Raw samples of one statement and parameter set; the same position in each list is the same round. */
export interface PairedSamples {
  /** Statement. */
  statement: StatementId;
  /** Parameter set. */
  parameter_set: ParameterSetId;
  /** Read or write. */
  kind: StatementKind;
  /** Weight of this parameter set in the objective. */
  weight: number;
  /**
   * Whether the candidate's plan or text differs from the baseline's. Where it does not, both do the same
   * work, and the ratio is one by construction.
   */
  plan_changed: boolean;
  /** Baseline, milliseconds, one for each round. */
  baseline_ms: Array<number>;
  /** Candidate, milliseconds, one for each round. */
  candidate_ms: Array<number>;
  /** A second run of the baseline (the A/A control), milliseconds, one for each round. */
  control_ms: Array<number>;
  /** The rival of a union, milliseconds, one for each round; empty without a rival. */
  rival_ms?: Array<number>;
  /**
   * Processor time of the server process under the baseline, milliseconds, one for each round; empty where
   * it cannot be read. Blind to waiting, and to parallel workers.
   */
  baseline_cpu_ms?: Array<number>;
  /** The same under the candidate. */
  candidate_cpu_ms?: Array<number>;
  /**
   * The same four without the time that the server process stood in the queue for a processor. Where they
   * can be read, they decide.
   */
  unqueued?: Unqueued;
  /** What the server counted, once for each side; absent where the plan is the same. */
  work?: WorkPair | null;
  /** Time-out of the candidate that was last in force, milliseconds. What is cut off counts as this long. */
  timeout_ms: number;
  /** How many of the candidate's samples were cut off. */
  cut_offs?: number;
  /**
   * Whether the statement does not end within the statement time-out without the change. The baseline counts with that
   * time-out then, so that a gain is a lower bound; where the candidate is no better, neither counts.
   */
  baseline_cut_off?: boolean;
}

/**
 * Wall time less the wait for a processor, milliseconds, one for each round; all empty where the kernel does
 * not tell. A busy neighbour lengthens wall time by whole time slices and leaves this almost alone; waiting for
 * disks, locks and parallel workers is in it.
 */
export interface Unqueued {
  /** Baseline. */
  baseline_ms: Array<number>;
  /** Candidate. */
  candidate_ms: Array<number>;
  /** A/A control. */
  control_ms: Array<number>;
  /** Rival of a union. */
  rival_ms: Array<number>;
}

/** The work of one execution under both arms. */
export interface WorkPair {
  /** Under the baseline. */
  baseline: Work;
  /** Under the candidate. */
  candidate: Work;
}

/**
 * What the server counted in one execution (PostgreSQL manual, "EXPLAIN", options BUFFERS and WAL). Blocks are of
 * 8 kB as a rule.
 */
export interface Work {
  /** Time to plan, milliseconds. */
  planning_ms: number;
  /** Blocks found in shared buffers. */
  shared_hit_blocks: number;
  /** Blocks read into shared buffers. */
  shared_read_blocks: number;
  /** Blocks of temporary files, read and written. */
  temp_blocks: number;
  /** Write-ahead log, bytes. */
  wal_bytes: number;
  /** Images of whole pages among it; where there are any, the bytes depend on the last checkpoint. */
  wal_full_pages: number;
  /** Rows that a write updates. */
  updated_rows?: number;
  /** Of these, the heap-only updates, which need no index entry. */
  hot_updated_rows?: number;
}

/** Where a candidate ran whose change is there for good: the baseline ran on the trial's universe, in the same rounds. */
export interface OwnForks {
  /** The fork that has the change. */
  changed: UniverseId;
  /** The fork without it on which the A/A control ran, so that the A/A deviation holds what forks differ by. */
  control: UniverseId;
}

/**
 * A write that was made up from the table's own rows and measured inside transactions that are rolled back. It
 * counts for nothing in the objective.
 */
export interface GeneratedWrite {
  /** Schema of the table. */
  schema: string;
  /** Table; of a partitioned table its largest partition. */
  table: string;
  /** What it does. */
  kind: GeneratedKind;
  /** Column that an update changes. */
  column?: string | null;
  /** Rows that one execution writes, as it is timed. */
  rows: number;
  /** Rows that one execution writes, as its work is counted. */
  counted_rows: number;
  /** Text as it ran under the baseline. */
  sql: string;
  /** Raw samples, and the work of one execution. */
  samples: PairedSamples;
}

/** A promotion that is undone. */
export interface RollbackRequest {
  /** Number of the promotion. */
  id: number;
  /** Connection string of the database. */
  source: string;
}

/** The competition began. */
export interface EventStarted {
  type: "started";
  /** Report id. */
  id: string;
  /** Agents that take part. */
  agents: Array<AgentName>;
  /** Statements of the workload. */
  statements: number;
}

/** Something slow that is not a fork is under way (building the golden image, reading a catalog). */
export interface EventPreparing {
  type: "preparing";
  /** What is being done. */
  what: string;
}

/** A universe exists and answers. */
export interface EventUniverseSpawned {
  type: "universe_spawned";
  /** Universe. */
  universe: UniverseId;
  /** Agent that lives in it. */
  agent: AgentName;
  /** How it was made, such as `reflink`. */
  mechanism: string;
  /** Seconds from the request to the first answered query. */
  seconds: number;
}

/** An agent proposed a candidate. */
export interface EventProposed {
  type: "proposed";
  /** Agent. */
  agent: AgentName;
  /** Candidate. */
  candidate: CandidateId;
  /** One line. */
  title: string;
}

/** A candidate's change was built on its universe. */
export interface EventApplied {
  type: "applied";
  /** Candidate. */
  candidate: CandidateId;
  /** Seconds to build. */
  seconds: number;
  /** Bytes it takes. */
  bytes: number;
}

/** A round of paired measurements ended. */
export interface EventMeasured {
  type: "measured";
  /** Agent whose universe was measured. */
  agent: AgentName;
  /** Rounds done in this phase. */
  round: number;
  /** Rounds at the most. */
  rounds: number;
  /** Candidates still in the race. */
  live: number;
}

/** A candidate is out. */
export interface EventEliminated {
  type: "eliminated";
  /** Candidate. */
  candidate: CandidateId;
  /** Why. */
  reason: string;
}

/** An agent or a universe failed; the competition goes on without it. */
export interface EventFailed {
  type: "failed";
  /** Agent. */
  agent: AgentName;
  /** What went wrong. */
  error: string;
}

/** A universe was destroyed. */
export interface EventUniverseDestroyed {
  type: "universe_destroyed";
  /** Universe. */
  universe: UniverseId;
}

/** A winner was named. */
export interface EventCrowned {
  type: "crowned";
  /** Candidate. */
  candidate: CandidateId;
  /** Candidate time over baseline time. */
  ratio: Interval;
}

/** Nothing earned the crown. */
export interface EventNoWinner {
  type: "no_winner";
  /** Why. */
  reason: string;
}

/** The last event of a run, also of one that failed. */
export interface EventFinished {
  type: "finished";
  /** Wall time of the run, seconds. */
  seconds: number;
}

/** Everything that a universe's run depends on, but the database and the agent's code. */
export interface UniverseTask {
  /** Agent. */
  agent: AgentName;
  /** Problem. */
  problem: Problem;
  /** Workload. */
  workload: Workload;
  /** Bounds of the race. */
  options: RaceOptions;
  /** Universes of the competition at the most, the final's included; they share the error rate. */
  universes: number;
  /** Seed of every random order. */
  seed: number;
}

/** What came out of it. A universe measures its own baseline, so only ratios travel between machines. */
export interface UniverseOutcome {
  /** Agent. */
  agent: AgentName;
  /** The fork, if one could be made. It is gone by now. */
  universe?: Universe | null;
  /** Seconds that the fork lived. */
  lived_seconds: number;
  /** Memory that its server took when its work was done, bytes, if the backend can tell. */
  memory_bytes?: number | null;
  /** The server that was forked, as seen on the fork. */
  source?: SourceReport | null;
  /** Candidates with their final ids, in the order of their trials. */
  candidates: Array<Candidate>;
  /** One for each candidate. */
  trials: Array<Trial>;
  /** What went wrong, if the universe failed as a whole. */
  error?: string | null;
  /** Candidates that need forks of their own, which they get when the universe is gone. */
  apart?: Array<Candidate>;
  /** Further forks that it had, and the seconds that each lived. */
  further?: Array<[Universe, number]>;
}

/** A fork that exists. Holds no secret: the connection string comes from `ForkBackend::dsn` alone. */
export interface Universe {
  /** Unique over all runs. */
  id: UniverseId;
  /** Scheme of its backend, such as `local`. */
  backend: string;
  /** How it was made: `reflink`, `btrfs_snapshot`, `zfs_clone`, `overlayfs`, `copy`, `create_database_file_copy` … */
  mechanism: string;
  /** What it cost. */
  cost: ForkCost;
  /** Who made it: `host:pid:start`, as far as the backend can tell. */
  owner: string;
  /** When its lease ends, RFC 3339; after that any sweep may destroy it. */
  expires: string;
}

/** Measured cost of making a fork. */
export interface ForkCost {
  /** From the request to the first answered query. */
  seconds: number;
  /** Disk that it really took when it was made, bytes; shared blocks do not count. */
  bytes: number;
  /** What a full copy would have taken, bytes. */
  full_bytes: number;
}

/** A proposal: what to change, why, and what its author expects. */
export interface Candidate {
  /** Unique within the competition; the engine replaces it by `agent-number`. */
  id?: CandidateId;
  /** Who proposes; the engine fills it in. */
  agent?: AgentName;
  /** One line, such as `B-tree on orders (user_id)`. */
  title: string;
  /** Which statements, which plan nodes, why this form, what was rejected. */
  rationale?: string;
  /** The change. */
  change: Change;
  /**
   * Statements that it is meant to help. Named writes are always measured, since what triggers do is in no
   * plan; named reads also where no plan changes at all.
   */
  statements?: Array<StatementId>;
  /** Expected time with the change over time without it, if the author has an estimate. */
  predicted?: number | null;
}

/** Operations that belong together, applied in order and undone in reverse. */
export interface Change {
  /** In order. */
  operations: Array<Operation>;
}

/** Whether two texts give the same answers, and what that rests on. */
export interface Sameness {
  /** Version of this document: 1. */
  format: number;
  /** The server whose fork was asked. */
  source: SourceReport;
  /** The one text, with the parameter sets that both were asked with. */
  before: Statement;
  /** The other text. */
  after: string;
  /** What all checks come to. */
  answers: Answers;
  /** One for each parameter set. */
  checks: Array<AnswerCheck>;
}

/** A fork and how to reach it. The password, if the source needs one, is not told: the user has it. */
export interface Fork {
  /** Unique over all runs. */
  id: UniverseId;
  /** Scheme of its backend, such as `local`. */
  backend: string;
  /** How it was made: `reflink`, `btrfs_snapshot`, `zfs_clone`, `overlayfs`, `copy`, `create_database_file_copy` … */
  mechanism: string;
  /** What it cost. */
  cost: ForkCost;
  /** Who made it: `host:pid:start`, as far as the backend can tell. */
  owner: string;
  /** When its lease ends, RFC 3339; after that any sweep may destroy it. */
  expires: string;
  /** Connection string without its password. */
  dsn: string;
}

/** An ordered plan; nothing is written to a source without an approval that names its hash. */
export interface PromotionPlan {
  /** The winner that it promotes. */
  candidate: CandidateId;
  /** BLAKE3 over everything else, hexadecimal. */
  hash: string;
  /** In order. */
  steps: Array<PromotionStep>;
  /** What must still be so. */
  grounds: Grounds;
}

/** The database as it was when the change was measured, as far as a promotion relies on it. */
export interface Grounds {
  /** Database name. */
  database: string;
  /** `server_version_num`. */
  server_version: number;
  /** Schemas in which unqualified names were looked up, first to last. */
  search_path: Array<string>;
  /** Tables that the workload reads or writes and that candidates change. */
  objects: Array<ObjectFacts>;
}

/** What promoting would do. */
export interface Rehearsal {
  /** Every check. */
  checks: Array<Check>;
  /** The statements of each step, in the order in which they would run. */
  steps: Array<Array<string>>;
  /** The statements that would undo each step, in the same order of steps. */
  back: Array<Array<string>>;
}

/** One thing that was looked at. */
export interface Check {
  /** What it is about. */
  name: string;
  /** How it stands. */
  finding: Finding;
  /** What was found. */
  detail: string;
}

/** What became of a promotion. */
export interface Promoted {
  /** Its number in the journal; what `rollback` wants. */
  id: number;
  /** Promoted, or rolled back because `auto_rollback` asked for it. */
  state: PromotionState;
  /** What was checked before. */
  checks: Array<Check>;
  /** What the plans of the workload say. */
  verification: Verification;
  /** What the statistics of statements say, if they were watched. */
  watched?: WatchReport | null;
}

/** What was found after a promotion. */
export interface Verification {
  /** Every statement and parameter set of the workload. */
  statements: Array<StatementPlans>;
  /** Indexes and views that no plan uses. */
  unused: Array<string>;
}

/** The plan of one statement with one parameter set, before and after. */
export interface StatementPlans {
  /** Statement. */
  statement: StatementId;
  /** Parameter set. */
  parameter_set: ParameterSetId;
  /** The planner's cost before the promotion; absent where the server refused to plan it. */
  cost_before?: number | null;
  /** The planner's cost after it, of the new text where the statement is rewritten. */
  cost_after?: number | null;
  /** What of the promotion its plan uses. */
  uses: Array<string>;
  /** Why it could not be planned. */
  error?: string | null;
}

/** What the statistics of statements said at the end of a watch. */
export interface WatchReport {
  /** How long was watched, seconds. */
  seconds: number;
  /** Statements that were called often enough before and since, slowest change first. */
  statements: Array<StatementGain>;
  /**
   * Mean time of the workload's statements since over before, each weighted by its calls since; absent if none was
   * called often enough.
   */
  ratio?: number | null;
}

/** One statement, before and since. */
export interface StatementGain {
  /** Statement of the workload, if it is one. */
  statement?: StatementId | null;
  /** Its text, as the server keeps it. */
  query: string;
  /** Calls since. */
  calls: number;
  /** Mean milliseconds before the promotion, since the statistics were reset. */
  before_ms: number;
  /** Mean milliseconds since the promotion. */
  since_ms: number;
  /** Whether it became slower beyond the bound, by more than chance explains. */
  regressed: boolean;
}

/** One promotion in the journal. */
export interface PromotionRecord {
  /** Its number; what `rollback` wants. */
  id: number;
  /** Hash of its plan. */
  hash: string;
  /** Candidate that it promotes. */
  candidate: string;
  /** How far it came. */
  state: PromotionState;
  /** When it began, as the server prints it. */
  started: string;
  /** When its state last changed. */
  changed: string;
  /** Role that promoted it. */
  by_role: string;
  /** Why it was undone or interrupted, if it was. */
  error?: string | null;
  /** The plan. */
  plan: PromotionPlan;
  /** Whether the plans of the judged statements use it. */
  verification?: unknown;
  /** What the statistics of statements say since. */
  realized?: unknown;
  /** Its steps. */
  steps: Array<StepRecord>;
}

/** One step in the journal. */
export interface StepRecord {
  /** From 1. */
  number: number;
  /** One line. */
  title: string;
  /** How far it came. */
  state: StepState;
  /** How many of its actions are done. */
  actions_done: number;
  /** What was there before it, where it replaces something. */
  earlier?: unknown;
}

/** Everything an agent needs to know: the problem, the workload, the catalog and the plans of today. */
export interface Brief {
  /** What is to be made better. */
  problem: Problem;
  /** The statements. */
  workload: Workload;
  /** What the database says of itself. */
  catalog: Catalog;
  /**
   * One executed plan for each read statement and parameter set (EXPLAIN ANALYZE, VERBOSE, BUFFERS), and
   * one plain plan for each write.
   */
  plans: Array<StatementPlan>;
}

/** A snapshot of the catalogs of one database; system schemas are left out. */
export interface Catalog {
  /** `server_version_num`, such as 150018. */
  server_version: number;
  /** Database name. */
  database: string;
  /** Settings that change plans or are worth knowing, by name. */
  settings: Record<string, string>;
  /** Installed extensions. */
  extensions: Array<string>;
  /** Extensions that CREATE EXTENSION would find. */
  available_extensions: Array<string>;
  /** Schemas in which unqualified names are looked up, first to last. */
  search_path: Array<string>;
  /** Settings that sessions of this database, or of a role in any database, begin with. */
  stored_settings?: Array<StoredSetting>;
  /** Tables, partitioned tables and materialized views, by schema and name. */
  tables: Array<Table>;
}

/** What `ALTER DATABASE … SET` or `ALTER ROLE … SET` stored. */
export interface StoredSetting {
  /** For this role in any database; without one for any role in this database. */
  role?: string | null;
  /** Name of the setting. */
  name: string;
  /** Its value. */
  value: string;
}

/** A relation that holds rows. */
export interface Table {
  /** Schema. */
  schema: string;
  /** Name. */
  name: string;
  /** What it is. */
  kind: TableKind;
  /** Rows by the planner's estimate (`reltuples`); negative if never analyzed. */
  rows: number;
  /** Bytes of the table with TOAST, without indexes. */
  bytes: number;
  /** In order. */
  columns: Array<Column>;
  /** All indexes, constraint indexes included. */
  indexes: Array<Index>;
  /** All constraints. */
  constraints: Array<Constraint>;
  /** Extended statistics objects. */
  statistics: Array<ExtendedStatistics>;
  /** Cumulative activity counters. */
  activity: TableActivity;
  /** Partitioned table that this is a partition of, as `schema.name`. */
  partition_of?: string | null;
}

/** A column. */
export interface Column {
  /** Name. */
  name: string;
  /** Type as `format_type` prints it. */
  type_name: string;
  /** Declared NOT NULL. */
  not_null: boolean;
  /** Statistics target; -1 is the default of the server. */
  statistics_target: number;
  /** Collation name if not the default one. */
  collation?: string | null;
  /** Whether it is a generated column. */
  generated: boolean;
  /** `pg_stats`, if analyzed and readable. */
  statistics?: ColumnStatistics | null;
}

/** One row of `pg_stats`. */
export interface ColumnStatistics {
  /** Share of NULLs. */
  null_fraction: number;
  /** Distinct values; negative means minus the share of rows (PostgreSQL manual, `pg_stats.n_distinct`). */
  n_distinct: number;
  /** Physical order against logical order, -1 to 1. */
  correlation?: number | null;
  /** Bytes. */
  average_width: number;
  /** Most common values, as text. */
  most_common_values: Array<string>;
  /** Their shares, same order. */
  most_common_frequencies: Array<number>;
}

/** An index. */
export interface Index {
  /** Schema. */
  schema: string;
  /** Name. */
  name: string;
  /** Access method, such as `btree`. */
  method: string;
  /** Unique. */
  unique: boolean;
  /** Primary key. */
  primary: boolean;
  /** Usable by the planner. */
  valid: boolean;
  /** Replica identity. */
  replica_identity: boolean;
  /** Key columns, in order. */
  keys: Array<IndexKey>;
  /** INCLUDE columns. */
  include: Array<string>;
  /** WHERE clause as the server prints it. */
  predicate?: string | null;
  /** Constraint that owns it, if any. */
  constraint?: string | null;
  /** Bytes. */
  bytes: number;
  /** `idx_scan`. */
  scans: number;
  /** `pg_get_indexdef`. */
  definition: string;
}

/** A constraint. */
export interface Constraint {
  /** Name. */
  name: string;
  /** What it is. */
  kind: ConstraintKind;
  /** Constrained columns of this table, in order. */
  columns: Array<string>;
  /** What a foreign key points at. */
  references?: Reference | null;
  /** Whether existing rows were checked. */
  validated: boolean;
  /** `pg_get_constraintdef`. */
  definition: string;
}

/** Target of a foreign key. */
export interface Reference {
  /** Schema. */
  schema: string;
  /** Table. */
  table: string;
  /** Columns, in the order of the constraint. */
  columns: Array<string>;
}

/** A CREATE STATISTICS object. */
export interface ExtendedStatistics {
  /** Schema. */
  schema: string;
  /** Name. */
  name: string;
  /** Plain columns. */
  columns: Array<string>;
  /** `pg_get_statisticsobjdef`. */
  definition: string;
}

/** `pg_stat_user_tables`, as far as it is read. */
export interface TableActivity {
  sequential_scans: number;
  index_scans: number;
  inserted: number;
  updated: number;
  hot_updated: number;
  deleted: number;
  live: number;
  dead: number;
  modified_since_analyze: number;
  /** Whether it was ever analyzed, by hand or automatically. */
  analyzed: boolean;
}

/** The plan of one statement with one parameter set. */
export interface StatementPlan {
  /** Statement. */
  statement: StatementId;
  /** Parameter set. */
  parameter_set: ParameterSetId;
  /** The plan. */
  plan: Plan;
  /**
   * Whether the statement was stopped since it did not end within the statement time-out: its execution time is that
   * time-out then, and no node was executed.
   */
  cut_off?: boolean;
}

/** One plan as the server printed it (PostgreSQL manual, "EXPLAIN"). */
export interface Plan {
  /** Top node. */
  Plan: PlanNode;
  /** Milliseconds; only with ANALYZE or SUMMARY. */
  "Planning Time"?: number | null;
  /** Milliseconds; only with ANALYZE. */
  "Execution Time"?: number | null;
  /** Just-in-time compilation; only if the server compiled something. */
  JIT?: Jit | null;
}

/** One node; lists are empty and numbers zero where the server printed nothing. */
export interface PlanNode {
  "Node Type": string;
  "Parent Relationship"?: string | null;
  "Subplan Name"?: string | null;
  "CTE Name"?: string | null;
  "Join Type"?: string | null;
  Strategy?: string | null;
  Operation?: string | null;
  "Scan Direction"?: string | null;
  "Index Name"?: string | null;
  "Relation Name"?: string | null;
  Schema?: string | null;
  Alias?: string | null;
  "Startup Cost"?: number;
  "Total Cost"?: number;
  "Plan Rows"?: number;
  "Plan Width"?: number;
  "Actual Rows"?: number | null;
  "Actual Loops"?: number | null;
  "Actual Total Time"?: number | null;
  Output?: Array<string>;
  Filter?: string | null;
  "Rows Removed by Filter"?: number;
  "Index Cond"?: string | null;
  "Recheck Cond"?: string | null;
  "Hash Cond"?: string | null;
  "Merge Cond"?: string | null;
  "Join Filter"?: string | null;
  "Sort Key"?: Array<string>;
  "Presorted Key"?: Array<string>;
  "Group Key"?: Array<string>;
  "Sort Method"?: string | null;
  "Heap Fetches"?: number | null;
  "Shared Hit Blocks"?: number;
  "Shared Read Blocks"?: number;
  "Temp Read Blocks"?: number;
  "Temp Written Blocks"?: number;
  /** Only with the option WAL. */
  "WAL Bytes"?: number;
  /**
   * Images of whole pages in the log, which the first change of a page after a checkpoint writes; only with the
   * option WAL.
   */
  "WAL FPI"?: number;
  Plans?: Array<PlanNode>;
}

/** What just-in-time compilation did for one execution. */
export interface Jit {
  /** Functions compiled. */
  Functions?: number;
  /** Where its time went; only with ANALYZE. */
  Timing?: JitTiming | null;
}

/** Time spent on just-in-time compilation. */
export interface JitTiming {
  /** Milliseconds of generating, inlining, optimizing and emitting, over all processes. */
  Total?: number;
}

/** The decision. */
export interface Verdict {
  /** The winner, if one earned it. */
  winner?: CandidateId | null;
  /** The winner's ratio. */
  ratio?: Interval | null;
  /** Why this one, or why none. */
  reason: string;
  /** Largest A/A deviation that the run itself showed, as a share: 0.02 means 2 %. */
  noise: number;
  /** Largest drift of a baseline from the first to the last third of its rounds, as a share. */
  drift: number;
  /** Every candidate, best first. */
  ranking: Array<Ranked>;
}

/** One candidate in the ranking. */
export interface Ranked {
  /** Candidate. */
  candidate: CandidateId;
  /** Outcome. */
  status: CandidateStatus;
  /** Why. */
  reason: string;
  /** Weighted workload time with the change over without it; absent if it was never measured. */
  ratio?: Interval | null;
  /** Each statement and parameter set that was measured. */
  statements: Array<StatementVerdict>;
}

/** The ratio of one statement with one parameter set. */
export interface StatementVerdict {
  /** Statement. */
  statement: StatementId;
  /** Parameter set. */
  parameter_set: ParameterSetId;
  /** Pairs measured; zero where the plan is the same. */
  pairs: number;
  /** Median baseline time, milliseconds: without the wait for a processor where that can be read. */
  baseline_ms: number;
  /** Whether the baseline was stopped: it takes at least `baseline_ms`. */
  baseline_cut_off?: boolean;
  /** Median candidate time, milliseconds. */
  candidate_ms: number;
  /** Median processor time of the server process, milliseconds, where it can be read: baseline. */
  baseline_cpu_ms?: number | null;
  /** The same under the candidate. */
  candidate_cpu_ms?: number | null;
  /**
   * Median wall time of the baseline, milliseconds, where the times above are without the wait for a
   * processor; absent where they are wall time themselves.
   */
  baseline_wall_ms?: number | null;
  /** The same under the candidate. */
  candidate_wall_ms?: number | null;
  /** Candidate over baseline, by the clock of `baseline_ms` and `candidate_ms`. */
  ratio: Interval;
}

/** The statements of a competition: exactly one of these. */
export type WorkloadInput = WorkloadInputFile | WorkloadInputText | WorkloadInputParsed;

/** A statement within a workload, such as `email_report`. */
export type StatementId = string;

/** Whether a statement changes data. */
export type StatementKind = "read" | "write";

/** A parameter set within a statement, such as `rare_domain`. */
export type ParameterSetId = string;

/** Where parameter values came from. */
export type Origin = "given" | "log" | "activity" | "qualstats" | OriginSynthesized;

/** How much of a table the values of a set are meant to find. */
export type Selectivity = "frequent" | "typical" | "rare" | "absent";

/** What is minimized. */
export type Objective = "total_time" | "geometric_mean" | ObjectiveTailTime;

/** Kind of relation. */
export type TableKind = "table" | "partitioned" | "materialized_view";

/** A leased fork, such as `pgverse_fork_k3v9x2ab`; unique over all runs. */
export type UniverseId = string;

/** An agent, such as `index`: stable, unique, lowercase. */
export type AgentName = string;

/** A candidate within a competition, such as `index-2`. */
export type CandidateId = string;

/** What became of a candidate. */
export type CandidateStatus = "crowned" | "runner_up" | "eliminated" | "rejected" | "failed";

/**
 * A typed change. Each knows how to be applied, undone, applied online, which lock it takes, and how it can
 * be switched off inside a transaction.
 */
export type Operation = OperationCreateIndex | OperationDropIndex | OperationCreateStatistics | OperationSetStatisticsTarget | OperationAnalyze | OperationSetting | OperationAddConstraint | OperationCreateMaterializedView | OperationRewriteStatement | OperationSql;

/** For whom a setting holds. */
export type SettingScope = SettingScopeDatabase | SettingScopeRole;

/** Table-level lock modes (PostgreSQL manual, "Explicit Locking"), weakest first. */
export type LockLevel = "none" | "access_share" | "row_share" | "row_exclusive" | "share_update_exclusive" | "share" | "share_row_exclusive" | "exclusive" | "access_exclusive";

/** Whether the answers stayed the same. */
export type Answers = "same" | "differs" | "unverifiable" | "unchanged";

/** Where the writes came from whose cost is told. */
export type WriteSource = "workload" | "generated";

/** How far a candidate came. */
export type TrialState = TrialStateMeasured | TrialStateRejected | TrialStateFailed;

/** Kind of a generated write. */
export type GeneratedKind = "insert" | "update_indexed" | "update_unindexed" | "delete";

/** What happened in a competition. */
export type Event = EventStarted | EventPreparing | EventUniverseSpawned | EventProposed | EventApplied | EventMeasured | EventEliminated | EventFailed | EventUniverseDestroyed | EventCrowned | EventNoWinner | EventFinished;

/** How a check stands. */
export type Finding = "fine" | "warning" | "refused";

/** How far a promotion came. */
export type PromotionState = "promoting" | "promoted" | "rolling_back" | "rolled_back";

/** How far a step came. */
export type StepState = "pending" | "running" | "done" | "undoing" | "undone";

/** Kind of constraint. */
export type ConstraintKind = "primary_key" | "unique" | "foreign_key" | "check" | "exclusion" | "not_null" | "trigger";
