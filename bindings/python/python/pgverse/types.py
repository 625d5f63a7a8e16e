"""Types of everything that the library takes and gives. Made by scripts/types.py; not to be edited."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypedDict


class CompeteRequest(TypedDict, total=False):
    """A competition."""
    source: str | None
    """Connection string of the database as libpq takes it; it is only read. The demo shop if absent."""
    demo_scale: float
    """Size of the demo shop, where there is no source: 1 is 100,000 users and 500,000 orders."""
    workload: WorkloadInput | None
    """The statements; those of the demo if absent, which needs the demo shop."""
    problem: Problem | None
    """What is to be made better, and within which bounds."""
    agents: list[str] | None
    """Agents by name; all that the library has if absent. Agents of the host's own are added to them."""
    backend: str
    """How forks are made: a backend's name or URL."""
    options: RaceOptions
    """Bounds of each race."""
    parallel: int | None
    """Most universes alive at once; unlimited if absent."""
    seed: int
    """Seed of every random order."""
    deadline_seconds: float | None
    """Stop after so many seconds, and judge what was measured by then."""
    cost_model: CostModel
    """Prices, for the comparison of forks with full clones."""


class WorkloadInputFile(TypedDict):
    """A file of SQL, JSON or TOML."""
    file: str


class WorkloadInputText(TypedDict):
    """The text of such a file; it is taken for JSON where it begins with a bracket or brace."""
    text: str


class WorkloadInputParsed(TypedDict):
    """What an earlier call returned."""
    parsed: Workload


class Workload(TypedDict):
    """What the database is asked to do."""
    statements: list[Statement]
    """In the order in which they were given."""


class Statement(TypedDict):
    """One statement; runnable with each of its parameter sets."""
    id: StatementId
    """Unique within the workload."""
    sql: str
    """The text, with `$1`, `$2` … where parameters go, without a trailing semicolon."""
    fingerprint: str
    """Equal for statements of the same shape."""
    kind: StatementKind
    """Read or write."""
    parameter_sets: list[ParameterSet]
    """Never empty; a statement without parameters has one set without values."""
    weight: float
    """Calls per minute, or any other common unit; only the proportions matter, except where a periodic
    cost (the refresh of a view) is set against it.
    """


class ParameterSet(TypedDict):
    """Values for `$1`, `$2` … as text in the server's input format."""
    id: ParameterSetId
    """Unique within the statement."""
    values: list[str | None]
    """One for each parameter; `null` is SQL NULL."""
    weight: float
    """Share among the sets of the statement."""
    origin: Origin
    """Where the values came from."""


class OriginSynthesized(TypedDict):
    """Chosen from the statistics and the rows of the columns that the parameters are compared with."""
    synthesized: Selectivity


class Problem(TypedDict, total=False):
    """The user's problem."""
    description: str
    """Plain words; shown in the report."""
    objective: Objective
    """What counts."""
    limits: Limits
    """What must hold."""


class ObjectiveTailTime(TypedDict):
    """The weighted sum over the slowest executions only, those that users notice: with a `share` of 0.05, the mean
    time of the slowest 5 % (the expected shortfall at the 95th percentile; Rockafellar and Uryasev, 2000).
    Each side is taken at its own slowest executions. The refreshing of views is no execution: it has to
    save more than it takes in total time.
    """
    tail_time: dict[str, Any]


class Limits(TypedDict, total=False):
    """Bounds that a winner must keep."""
    max_storage_bytes: int | None
    """Extra storage allowed, bytes; unlimited if absent."""
    max_write_slowdown: float
    """Largest allowed ratio of write time with the change over write time without it: of the workload's own writes
    where a candidate touches what they write to, else of generated ones.
    """
    max_regression: float
    """Largest allowed slowdown of any single read statement and parameter set: 0.10 means 10 %."""
    min_gain: float
    """Smallest gain worth a change: 0.05 means that the workload must become at least 5 % faster."""
    error_rate: float
    """Largest allowed probability that a crowned winner has no such gain."""
    max_staleness_seconds: float | None
    """How old an answer may be, seconds; absent means that every answer must be current."""


class RaceOptions(TypedDict, total=False):
    """Bounds of one race; the judge's limits decide when a candidate is done, these decide when to give up."""
    min_rounds: int
    """Rounds before any decision, and rounds that a certified candidate gets at least."""
    max_rounds: int
    """Rounds at the most."""
    measuring_seconds: float
    """Seconds of measuring for one race, once every live candidate has its `min_rounds`; three times as many for the
    final.
    """
    statement_timeout_seconds: float
    """Longest time of any single statement, seconds."""
    agent_timeout_seconds: float
    """Longest time that an agent may think and try things out, seconds; its waits for others do not count."""
    max_candidates: int
    """Candidates of one agent at the most; the rest is dropped, best first."""
    falsification_databases: int
    """Tiny databases on which each rewritten statement is tried before it is raced; 0 leaves it at the
    comparison on the fork's own data.
    """


class CostModel(TypedDict):
    """How use is paid for; all prices are the user's own and zero by default."""
    per_gib_hour: float
    """Price of one GiB stored for one hour."""
    per_fork_hour: float
    """Price of one fork running for one hour."""


class _SameRequest(TypedDict):
    source: str
    """Connection string of the database; it is only read."""
    before: str
    """The one query, with its parameters as in a workload of SQL."""
    after: str
    """The other query; it is asked with the same parameters."""


class SameRequest(_SameRequest, total=False):
    """Do two queries give the same answers?"""
    backend: str
    """How the fork is made."""
    databases: int
    """Tiny databases on which both are tried."""
    seed: int
    """Seed of the tiny databases."""


class ForkRequest(TypedDict, total=False):
    """A fork that is made, destroyed or looked for by hand."""
    source: str | None
    """Connection string of the database; the demo shop if absent."""
    demo_scale: float
    """Size of the demo shop, where there is no source."""
    backend: str
    """How it is made: a backend's name or URL."""
    ttl_seconds: float
    """How long it stays at the least, seconds; after that any sweep may destroy it."""


class SourceRequest(TypedDict, total=False):
    """A database on a server, or none."""
    source: str | None
    """Connection string."""


class _PromoteRequest(TypedDict):
    report: Report
    """The report of a competition."""
    source: str
    """Connection string of the database."""


class PromoteRequest(_PromoteRequest, total=False):
    """The winner of a report, carried out on the source or rehearsed."""
    approve: str | None
    """Hash of the plan that is approved; a rehearsal needs none."""
    watch_seconds: float | None
    """Watch the statistics of statements so many seconds afterwards."""
    auto_rollback: bool
    """Undo it if no plan uses it or a statement becomes slower by more than `max_regression`."""
    max_regression: float | None
    """Part by which a statement may become slower; that of the report if absent."""


class _Report(TypedDict):
    format: int
    """Version of this format: 1."""
    id: str
    """Unique name of the competition."""
    started: str
    """When it began, RFC 3339."""
    seed: int
    """Seed of every random order."""
    pgverse: str
    """Version of the library."""
    problem: Problem
    """The problem."""
    workload: Workload
    """The workload."""
    source: SourceReport
    """Where the data came from."""
    timing: Timing
    """Where the time went."""
    universes: list[UniverseReport]
    """One for each agent, in the order in which they were asked for."""
    verdict: VerdictReport
    """The decision."""
    promotion: PromotionReport
    """What would be done to the source; no steps without a winner."""
    costs: CostReport
    """Forks against full clones."""
    trials: list[Trial]
    """Raw samples and answers of every candidate: what `judge` reads."""


class Report(_Report, total=False):
    """Everything a reader needs to check the verdict again."""
    grand_final: FinalReport | None
    """The grand final, if winners of several universes could be united. Its candidate stands with the
    leading agent's.
    """


class _SourceReport(TypedDict):
    server_version: int
    """`server_version_num`."""
    database: str
    """Database."""
    table_bytes: int
    """Bytes of all its tables."""
    settings: dict[str, str]
    """Settings that decide plans."""


class SourceReport(_SourceReport, total=False):
    """The server that was forked."""
    search_path: list[str]
    """Schemas in which unqualified names were looked up, first to last."""
    objects: list[ObjectFacts]
    """Tables that the workload or a candidate is about, as they were when they were measured."""


class ObjectFacts(TypedDict):
    """A table as it was when it was measured: names with digests of their definitions, so that a difference can be
    named, and no OID, since forks have others.
    """
    schema: str
    """Schema."""
    name: str
    """Name."""
    kind: TableKind
    """What it is."""
    rows: float
    """Rows by the planner's estimate; negative if never analyzed."""
    bytes: int
    """Bytes of the table with TOAST, without indexes."""
    columns: dict[str, str]
    """Columns: type, NOT NULL, collation, generated."""
    constraints: dict[str, str]
    """Constraints: kind, columns, definition."""
    indexes: dict[str, str]
    """Valid indexes: `pg_get_indexdef`."""
    statistics: dict[str, str]
    """Extended statistics: `pg_get_statisticsobjdef`."""
    partitions: list[str]
    """Its direct partitions, as `schema.name`."""


class Timing(TypedDict):
    """Where the wall time went. Phases of universes overlap, so they need not add up to the total."""
    total_seconds: float
    """From start to verdict."""
    forking_seconds: float
    """At least one fork was being made."""
    building_seconds: float
    """At least one candidate was being built."""
    measuring_seconds: float
    """The timing slot was in use."""
    postgres_seconds: float
    """At least one statement was running inside PostgreSQL."""
    postgres_share: float
    """Share of the total during which PostgreSQL was at work."""


class _UniverseReport(TypedDict):
    agent: AgentName
    """Agent."""
    backend: str
    """Scheme of the backend."""
    fork: ForkReport
    """How the fork was made."""
    candidates: list[CandidateReport]
    """Candidates, in the order in which they were proposed."""


class UniverseReport(_UniverseReport, total=False):
    """One universe."""
    id: UniverseId | None
    """Id; absent if no fork could be made."""
    error: str | None
    """What went wrong, if it failed as a whole."""


class _ForkReport(TypedDict):
    seconds: float
    """From the request to the first answered query."""
    bytes: int
    """Disk it really took."""
    mechanism: str
    """Mechanism."""


class ForkReport(_ForkReport, total=False):
    """How a fork was made."""
    memory_bytes: int | None
    """Memory that its server took when its work was done, bytes (proportional set size), if that could be told."""


class _CandidateReport(TypedDict):
    id: CandidateId
    """Id."""
    title: str
    """One line."""
    rationale: str
    """Why it was proposed."""
    status: CandidateStatus
    """Outcome."""
    reason: str
    """Why."""
    change: list[ChangeReport]
    """What it changes."""
    answers: Answers
    """Whether the answers stayed the same."""
    statements: list[StatementReport]
    """Each statement and parameter set that was measured."""
    costs: Costs
    """What it costs."""


class CandidateReport(_CandidateReport, total=False):
    """One candidate with its measurements."""
    predicted_ratio: float | None
    """Author's estimate, or else the planner's: weighted cost with the change over without it."""
    ratio: Interval | None
    """Weighted workload time with the change over without it."""


class ChangeReport(TypedDict):
    """One operation, as SQL."""
    apply: list[str]
    """Statements that apply it."""
    undo: list[str]
    """Statements that undo it."""
    online: list[str]
    """Statements that apply it without blocking production."""
    operation: Operation
    """The operation itself."""


class _OperationCreateIndex(TypedDict):
    type: Literal["create_index"]
    schema: str
    """Schema of the table."""
    table: str
    """Table."""
    name: str
    """Index name, not qualified."""
    keys: list[IndexKey]
    """Key columns or expressions, in order."""


class OperationCreateIndex(_OperationCreateIndex, total=False):
    """CREATE INDEX. The index lives in the schema of its table."""
    method: str
    """Access method, such as `btree`."""
    include: list[str]
    """INCLUDE columns."""
    predicate: str | None
    """WHERE clause as SQL."""
    partitions: list[IndexPartition] | None
    """The partitions of its table, if it is partitioned; the engine fills it in."""


class _OperationDropIndex(TypedDict):
    type: Literal["drop_index"]
    schema: str
    """Schema."""
    name: str
    """Name."""
    definition: str
    """`pg_get_indexdef`, for the way back."""


class OperationDropIndex(_OperationDropIndex, total=False):
    """DROP INDEX."""
    partitions: list[IndexPartition] | None
    """The partitions of its table, if it is partitioned; the engine fills it in."""


class OperationCreateStatistics(TypedDict):
    """CREATE STATISTICS, then ANALYZE of the columns."""
    type: Literal["create_statistics"]
    schema: str
    """Schema of the table and the statistics object."""
    table: str
    """Table."""
    name: str
    """Name of the statistics object, not qualified."""
    kinds: list[str]
    """`ndistinct`, `dependencies`, `mcv`; empty means all, and must be empty for a single expression."""
    columns: list[str]
    """Plain columns."""
    expressions: list[str]
    """Expressions as SQL without the outer parentheses."""


class OperationSetStatisticsTarget(TypedDict):
    """ALTER TABLE … SET STATISTICS, then ANALYZE of the column."""
    type: Literal["set_statistics_target"]
    schema: str
    """Schema."""
    table: str
    """Table."""
    column: str
    """Column."""
    target: int
    """New target, 1 to 10000."""
    previous: int
    """Target before; -1 is the default."""


class OperationAnalyze(TypedDict):
    """ANALYZE of a table. Has no undo: fresh statistics are never worse than stale ones."""
    type: Literal["analyze"]
    schema: str
    """Schema."""
    table: str
    """Table."""


class _OperationSetting(TypedDict):
    type: Literal["setting"]
    name: str
    """Name, such as `work_mem`."""
    value: str
    """New value."""
    scope: SettingScope
    """For whom it is promoted."""


class OperationSetting(_OperationSetting, total=False):
    """A setting for a role, a database, or all of it."""
    previous: str | None
    """The value stored there before, which the way back restores; the engine fills it in."""


class OperationAddConstraint(TypedDict):
    """ALTER TABLE … ADD CONSTRAINT: a check or a foreign key."""
    type: Literal["add_constraint"]
    schema: str
    """Schema of the table."""
    table: str
    """Table."""
    name: str
    """Name of the constraint."""
    definition: str
    """From `CHECK` or `FOREIGN KEY` on, as `pg_get_constraintdef` prints it."""


class OperationCreateMaterializedView(TypedDict):
    """CREATE MATERIALIZED VIEW with an optional unique index, so that it can be refreshed concurrently."""
    type: Literal["create_materialized_view"]
    schema: str
    """Schema."""
    name: str
    """Name."""
    query: str
    """The defining query."""
    unique_key: list[str]
    """Output columns that identify a row; empty if none are known."""
    refresh: Refresh
    """How it is kept fresh."""


class OperationRewriteStatement(TypedDict):
    """Another text for a statement of the workload. Nothing changes in the database; the application does."""
    type: Literal["rewrite_statement"]
    statement: StatementId
    """Statement."""
    sql: str
    """New text, with the same parameters."""
    rule: str
    """The rule that made it, such as `decorrelate_scalar`."""


class OperationSql(TypedDict):
    """SQL written by hand or by a custom agent, each statement by itself. It runs inside transactions that are rolled
    back; what refuses a transaction (VACUUM FULL, ALTER SYSTEM …) or writes tables anew is measured on a fork of
    its
    own.
    """
    type: Literal["sql"]
    apply: list[str]
    """Statements to apply."""
    undo: list[str]
    """Statements to undo, in order."""
    online: list[str]
    """Statements that apply without blocking production; the plain ones where absent."""
    lock: LockLevel
    """Lock that applying takes."""


class IndexKey(TypedDict, total=False):
    """One key of an index."""
    column: str | None
    """Column name, if the key is a plain column."""
    expression: str | None
    """Expression as SQL, if it is not."""
    opclass: str | None
    """Operator class, if not the default one."""
    descending: bool
    """Descending."""
    nulls_first: bool | None
    """NULLS FIRST or LAST where it differs from the default of the direction."""


class _IndexPartition(TypedDict):
    schema: str
    """Schema of the partition and its index."""
    table: str
    """Partition."""
    name: str
    """Index name, not qualified."""


class IndexPartition(_IndexPartition, total=False):
    """A partition and the index that it gets as its part of the index on the whole."""
    partitions: list[IndexPartition] | None
    """Its own partitions, if it is partitioned itself."""


class SettingScopeDatabase(TypedDict):
    """ALTER DATABASE … SET, for the database of the source."""
    database: str


class SettingScopeRole(TypedDict):
    """ALTER ROLE … SET."""
    role: str


class Refresh(TypedDict):
    """How a materialized view is kept fresh."""
    every_seconds: float
    """Seconds between refreshes; the age that an answer may have."""
    concurrently: bool
    """Whether REFRESH … CONCURRENTLY is possible."""


class Interval(TypedDict):
    """A ratio of candidate time over baseline time with its confidence interval; below one is faster."""
    estimate: float
    """Point estimate."""
    low: float
    """Lower end."""
    high: float
    """Upper end."""


class _StatementReport(TypedDict):
    id: StatementId
    """Statement."""
    parameter_set: ParameterSetId
    """Parameter set."""
    pairs: int
    """Pairs measured; zero where the plan is the same."""
    baseline_ms: float
    """Median baseline time, milliseconds: without the wait for a processor where that can be read."""
    candidate_ms: float
    """Median candidate time, milliseconds."""
    ratio: Interval
    """Candidate over baseline, by the clock of `baseline_ms` and `candidate_ms`."""


class StatementReport(_StatementReport, total=False):
    """One statement and parameter set of a candidate."""
    baseline_cut_off: bool
    """Whether the baseline was stopped: it takes at least `baseline_ms`."""
    baseline_cpu_ms: float | None
    """Median processor time of the server process, milliseconds, where it can be read: baseline."""
    candidate_cpu_ms: float | None
    """The same under the candidate."""
    baseline_wall_ms: float | None
    """Median wall time of the baseline, milliseconds, where the times above are without the wait for a
    processor; absent where they are wall time themselves.
    """
    candidate_wall_ms: float | None
    """The same under the candidate."""


class _Costs(TypedDict):
    build_seconds: float
    """Seconds to build."""
    bytes: int
    """Bytes that it adds (negative where it drops)."""


class Costs(_Costs, total=False):
    """What a candidate costs; all measured on its universe."""
    wal_bytes: int | None
    """Write-ahead log of the build, bytes; absent where other forks write to the same log."""
    write_ratio: float | None
    """Write time with it over without it: of the workload's own writes, weighted, or of generated ones. Absent
    where it changes nothing that a write maintains, or where no write could be generated.
    """
    write_source: WriteSource | None
    """Which writes these were."""
    write_log: WriteLog | None
    """Write-ahead log of the same writes."""
    hot_updates: HotUpdates | None
    """Heap-only updates among the same writes; absent where they update nothing."""
    refresh_seconds: float | None
    """Seconds of one refresh, for what must be refreshed."""
    operations: list[OperationCost]
    """What each operation of the change took, in their order."""


class WriteLog(TypedDict):
    """Write-ahead log of one execution of each write, bytes, without images of whole pages."""
    baseline_bytes: float
    """Without the change."""
    candidate_bytes: float
    """With it."""


class HotUpdates(TypedDict):
    """Rows that one execution of each write updated, and how many of them needed no index entry (heap-only tuples;
    PostgreSQL manual, "Heap-Only Tuples").
    """
    updated: float
    """Rows updated."""
    baseline: float
    """Heap-only among them without the change."""
    candidate: float
    """Heap-only among them with it."""


class OperationCost(TypedDict):
    """What one operation took on the fork."""
    seconds: float
    """Seconds to build."""
    bytes: int
    """Bytes that it adds (negative where it drops)."""


class _FinalReport(TypedDict):
    fork: ForkReport
    """How the fork was made."""


class FinalReport(_FinalReport, total=False):
    """The universe of the grand final."""
    id: UniverseId | None
    """Id; absent if no fork could be made."""
    error: str | None
    """What went wrong, if it failed as a whole."""
    candidate: CandidateId | None
    """The union that was raced; absent if the finalists came to nothing new."""


class _VerdictReport(TypedDict):
    reason: str
    """Why this one, or why none."""
    noise: float
    """Largest A/A deviation of the run, as a share."""


class VerdictReport(_VerdictReport, total=False):
    """The decision."""
    winner: CandidateId | None
    """Winner, or null."""
    agent: AgentName | None
    """Its agent."""
    ratio: Interval | None
    """Its ratio."""
    drift: float
    """Largest drift of a baseline from the first to the last third of its rounds, as a share."""
    judge: str
    """Name of the judge whose rules these are."""


class PromotionReport(TypedDict):
    """The promotion plan of the winner."""
    hash: str
    """Hash that an approval must name; empty without a winner."""
    steps: list[PromotionStep]
    """In order."""


class _PromotionStep(TypedDict):
    title: str
    """One line."""
    up: list[str]
    """Statements that apply it without blocking production."""
    down: list[str]
    """Statements that undo it without blocking production."""
    lock: LockLevel
    """The strongest lock on a user's table, of applying it and undoing it."""
    transactional: bool
    """Whether it may run inside a transaction block."""
    operation: Operation
    """The change itself."""


class PromotionStep(_PromotionStep, total=False):
    """One step."""
    cost: OperationCost | None
    """What it took on the fork, if it was built there."""


class CostReport(TypedDict):
    """Forks against full clones, both over the measured lifetimes of the forks."""
    forks: HoldingCost
    """What the forks took."""
    full_clones: HoldingCost
    """What as many full copies would have taken, held as long; the time to copy them is not counted."""
    formula: str
    """How the figures were computed, with the prices used."""


class HoldingCost(TypedDict):
    """Storage held for a time."""
    count: int
    """How many."""
    bytes: int
    """Bytes, all together."""
    gib_hours: float
    """Bytes times lifetime, in GiB hours."""
    running_hours: float
    """Hours that forks or clones were running, all together."""
    price: float
    """In the currency of the prices; zero where no prices are set."""


class _Trial(TypedDict):
    candidate: CandidateId
    """Candidate."""
    universe: UniverseId
    """Universe in which baseline and candidate ran side by side."""
    state: TrialState
    """How far it came."""
    answers: Answers
    """Whether the answers stayed the same."""
    checks: list[AnswerCheck]
    """The comparison of each statement whose answers could have changed."""
    samples: list[PairedSamples]
    """Raw samples of each statement and parameter set that was measured."""
    costs: Costs
    """What it costs."""


class Trial(_Trial, total=False):
    """Everything the judge may know of a candidate."""
    planned_ratio: float | None
    """The planner's estimate of the weighted workload cost with the change over without it."""
    predicted_ratio: float | None
    """Author's own estimate, if any."""
    staleness_seconds: float | None
    """The oldest answer it allows, seconds."""
    rival: CandidateId | None
    """For a union: the best single candidate, which ran in the same rounds and must be beaten."""
    forks: OwnForks | None
    """The forks beside its universe, where its change cannot be switched inside a transaction."""
    error_rate: float | None
    """The part of the error rate that was its own in the race; the parts of all that may be measured add up to the
    whole.
    """
    warm_up_rounds: int
    """Rounds whose samples were not kept, since the caches were not warm yet."""
    generated_writes: list[GeneratedWrite]
    """Writes on the tables it touches, generated where the workload's own writes do not reach it."""
    ungenerated_writes: list[str]
    """Which writes could not be generated, and why."""


class TrialStateMeasured(TypedDict):
    """Measured to the end of the schedule, or until nothing was left to learn."""
    state: Literal["measured"]


class TrialStateRejected(TypedDict):
    """Not measured, or stopped: answers differ, a bound is broken."""
    state: Literal["rejected"]
    reason: str
    """Why."""


class TrialStateFailed(TypedDict):
    """It could not be built or run."""
    state: Literal["failed"]
    error: str
    """What went wrong."""


class _AnswerCheck(TypedDict):
    statement: StatementId
    """Statement."""
    parameter_set: ParameterSetId
    """Parameter set."""
    answers: Answers
    """Outcome."""
    baseline_rows: int
    """Rows of the baseline."""
    candidate_rows: int
    """Rows of the candidate."""
    reason: str
    """What differs, or why it cannot be told; empty where the same."""


class AnswerCheck(_AnswerCheck, total=False):
    """The comparison of one statement with one parameter set."""
    proof: str
    """What stands behind `same` beside the comparison on the fork's own data, such as "not refuted by 1000
    databases"; empty where nothing more was tried.
    """
    counterexample: str | None
    """The smallest database found on which the answers differ, with both answers, for people to read."""


class _PairedSamples(TypedDict):
    statement: StatementId
    """Statement."""
    parameter_set: ParameterSetId
    """Parameter set."""
    kind: StatementKind
    """Read or write."""
    weight: float
    """Weight of this parameter set in the objective."""
    plan_changed: bool
    """Whether the candidate's plan or text differs from the baseline's. Where it does not, both do the same
    work, and the ratio is one by construction.
    """
    baseline_ms: list[float]
    """Baseline, milliseconds, one for each round."""
    candidate_ms: list[float]
    """Candidate, milliseconds, one for each round."""
    control_ms: list[float]
    """A second run of the baseline (the A/A control), milliseconds, one for each round."""
    timeout_ms: float
    """Time-out of the candidate that was last in force, milliseconds. What is cut off counts as this long."""


class PairedSamples(_PairedSamples, total=False):
    """Raw samples of one statement and parameter set; the same position in each list is the same round."""
    rival_ms: list[float]
    """The rival of a union, milliseconds, one for each round; empty without a rival."""
    baseline_cpu_ms: list[float]
    """Processor time of the server process under the baseline, milliseconds, one for each round; empty where
    it cannot be read. Blind to waiting, and to parallel workers.
    """
    candidate_cpu_ms: list[float]
    """The same under the candidate."""
    unqueued: Unqueued
    """The same four without the time that the server process stood in the queue for a processor. Where they
    can be read, they decide.
    """
    work: WorkPair | None
    """What the server counted, once for each side; absent where the plan is the same."""
    cut_offs: int
    """How many of the candidate's samples were cut off."""
    baseline_cut_off: bool
    """Whether the statement does not end within the statement time-out without the change. The baseline counts with
    that
    time-out then, so that a gain is a lower bound; where the candidate is no better, neither counts.
    """


class Unqueued(TypedDict):
    """Wall time less the wait for a processor, milliseconds, one for each round; all empty where the kernel does
    not tell. A busy neighbour lengthens wall time by whole time slices and leaves this almost alone; waiting for
    disks, locks and parallel workers is in it.
    """
    baseline_ms: list[float]
    """Baseline."""
    candidate_ms: list[float]
    """Candidate."""
    control_ms: list[float]
    """A/A control."""
    rival_ms: list[float]
    """Rival of a union."""


class WorkPair(TypedDict):
    """The work of one execution under both arms."""
    baseline: Work
    """Under the baseline."""
    candidate: Work
    """Under the candidate."""


class _Work(TypedDict):
    planning_ms: float
    """Time to plan, milliseconds."""
    shared_hit_blocks: float
    """Blocks found in shared buffers."""
    shared_read_blocks: float
    """Blocks read into shared buffers."""
    temp_blocks: float
    """Blocks of temporary files, read and written."""
    wal_bytes: float
    """Write-ahead log, bytes."""
    wal_full_pages: float
    """Images of whole pages among it; where there are any, the bytes depend on the last checkpoint."""


class Work(_Work, total=False):
    """What the server counted in one execution (PostgreSQL manual, "EXPLAIN", options BUFFERS and WAL). Blocks are of
    8 kB as a rule.
    """
    updated_rows: float
    """Rows that a write updates."""
    hot_updated_rows: float
    """Of these, the heap-only updates, which need no index entry."""


class OwnForks(TypedDict):
    """Where a candidate ran whose change is there for good: the baseline ran on the trial's universe, in the same
    rounds.
    """
    changed: UniverseId
    """The fork that has the change."""
    control: UniverseId
    """The fork without it on which the A/A control ran, so that the A/A deviation holds what forks differ by."""


class _GeneratedWrite(TypedDict):
    schema: str
    """Schema of the table."""
    table: str
    """Table; of a partitioned table its largest partition."""
    kind: GeneratedKind
    """What it does."""
    rows: int
    """Rows that one execution writes, as it is timed."""
    counted_rows: int
    """Rows that one execution writes, as its work is counted."""
    sql: str
    """Text as it ran under the baseline."""
    samples: PairedSamples
    """Raw samples, and the work of one execution."""


class GeneratedWrite(_GeneratedWrite, total=False):
    """A write that was made up from the table's own rows and measured inside transactions that are rolled back. It
    counts for nothing in the objective.
    """
    column: str | None
    """Column that an update changes."""


class RollbackRequest(TypedDict):
    """A promotion that is undone."""
    id: int
    """Number of the promotion."""
    source: str
    """Connection string of the database."""


class EventStarted(TypedDict):
    """The competition began."""
    type: Literal["started"]
    id: str
    """Report id."""
    agents: list[AgentName]
    """Agents that take part."""
    statements: int
    """Statements of the workload."""


class EventPreparing(TypedDict):
    """Something slow that is not a fork is under way (building the golden image, reading a catalog)."""
    type: Literal["preparing"]
    what: str
    """What is being done."""


class EventUniverseSpawned(TypedDict):
    """A universe exists and answers."""
    type: Literal["universe_spawned"]
    universe: UniverseId
    """Universe."""
    agent: AgentName
    """Agent that lives in it."""
    mechanism: str
    """How it was made, such as `reflink`."""
    seconds: float
    """Seconds from the request to the first answered query."""


class EventProposed(TypedDict):
    """An agent proposed a candidate."""
    type: Literal["proposed"]
    agent: AgentName
    """Agent."""
    candidate: CandidateId
    """Candidate."""
    title: str
    """One line."""


class EventApplied(TypedDict):
    """A candidate's change was built on its universe."""
    type: Literal["applied"]
    candidate: CandidateId
    """Candidate."""
    seconds: float
    """Seconds to build."""
    bytes: int
    """Bytes it takes."""


class EventMeasured(TypedDict):
    """A round of paired measurements ended."""
    type: Literal["measured"]
    agent: AgentName
    """Agent whose universe was measured."""
    round: int
    """Rounds done in this phase."""
    rounds: int
    """Rounds at the most."""
    live: int
    """Candidates still in the race."""


class EventEliminated(TypedDict):
    """A candidate is out."""
    type: Literal["eliminated"]
    candidate: CandidateId
    """Candidate."""
    reason: str
    """Why."""


class EventFailed(TypedDict):
    """An agent or a universe failed; the competition goes on without it."""
    type: Literal["failed"]
    agent: AgentName
    """Agent."""
    error: str
    """What went wrong."""


class EventUniverseDestroyed(TypedDict):
    """A universe was destroyed."""
    type: Literal["universe_destroyed"]
    universe: UniverseId
    """Universe."""


class EventCrowned(TypedDict):
    """A winner was named."""
    type: Literal["crowned"]
    candidate: CandidateId
    """Candidate."""
    ratio: Interval
    """Candidate time over baseline time."""


class EventNoWinner(TypedDict):
    """Nothing earned the crown."""
    type: Literal["no_winner"]
    reason: str
    """Why."""


class EventFinished(TypedDict):
    """The last event of a run, also of one that failed."""
    type: Literal["finished"]
    seconds: float
    """Wall time of the run, seconds."""


class UniverseTask(TypedDict):
    """Everything that a universe's run depends on, but the database and the agent's code."""
    agent: AgentName
    """Agent."""
    problem: Problem
    """Problem."""
    workload: Workload
    """Workload."""
    options: RaceOptions
    """Bounds of the race."""
    universes: int
    """Universes of the competition at the most, the final's included; they share the error rate."""
    seed: int
    """Seed of every random order."""


class _UniverseOutcome(TypedDict):
    agent: AgentName
    """Agent."""
    lived_seconds: float
    """Seconds that the fork lived."""
    candidates: list[Candidate]
    """Candidates with their final ids, in the order of their trials."""
    trials: list[Trial]
    """One for each candidate."""


class UniverseOutcome(_UniverseOutcome, total=False):
    """What came out of it. A universe measures its own baseline, so only ratios travel between machines."""
    universe: Universe | None
    """The fork, if one could be made. It is gone by now."""
    memory_bytes: int | None
    """Memory that its server took when its work was done, bytes, if the backend can tell."""
    source: SourceReport | None
    """The server that was forked, as seen on the fork."""
    error: str | None
    """What went wrong, if the universe failed as a whole."""
    apart: list[Candidate]
    """Candidates that need forks of their own, which they get when the universe is gone."""
    further: list[tuple[Universe, float]]
    """Further forks that it had, and the seconds that each lived."""


class Universe(TypedDict):
    """A fork that exists. Holds no secret: the connection string comes from `ForkBackend::dsn` alone."""
    id: UniverseId
    """Unique over all runs."""
    backend: str
    """Scheme of its backend, such as `local`."""
    mechanism: str
    """How it was made: `reflink`, `btrfs_snapshot`, `zfs_clone`, `overlayfs`, `copy`, `create_database_file_copy` …
    """
    cost: ForkCost
    """What it cost."""
    owner: str
    """Who made it: `host:pid:start`, as far as the backend can tell."""
    expires: str
    """When its lease ends, RFC 3339; after that any sweep may destroy it."""


class ForkCost(TypedDict):
    """Measured cost of making a fork."""
    seconds: float
    """From the request to the first answered query."""
    bytes: int
    """Disk that it really took when it was made, bytes; shared blocks do not count."""
    full_bytes: int
    """What a full copy would have taken, bytes."""


class _Candidate(TypedDict):
    title: str
    """One line, such as `B-tree on orders (user_id)`."""
    change: Change
    """The change."""


class Candidate(_Candidate, total=False):
    """A proposal: what to change, why, and what its author expects."""
    id: CandidateId
    """Unique within the competition; the engine replaces it by `agent-number`."""
    agent: AgentName
    """Who proposes; the engine fills it in."""
    rationale: str
    """Which statements, which plan nodes, why this form, what was rejected."""
    statements: list[StatementId]
    """Statements that it is meant to help. Named writes are always measured, since what triggers do is in no
    plan; named reads also where no plan changes at all.
    """
    predicted: float | None
    """Expected time with the change over time without it, if the author has an estimate."""


class Change(TypedDict):
    """Operations that belong together, applied in order and undone in reverse."""
    operations: list[Operation]
    """In order."""


class Sameness(TypedDict):
    """Whether two texts give the same answers, and what that rests on."""
    format: int
    """Version of this document: 1."""
    source: SourceReport
    """The server whose fork was asked."""
    before: Statement
    """The one text, with the parameter sets that both were asked with."""
    after: str
    """The other text."""
    answers: Answers
    """What all checks come to."""
    checks: list[AnswerCheck]
    """One for each parameter set."""


class Fork(TypedDict):
    """A fork and how to reach it. The password, if the source needs one, is not told: the user has it."""
    id: UniverseId
    """Unique over all runs."""
    backend: str
    """Scheme of its backend, such as `local`."""
    mechanism: str
    """How it was made: `reflink`, `btrfs_snapshot`, `zfs_clone`, `overlayfs`, `copy`, `create_database_file_copy` …
    """
    cost: ForkCost
    """What it cost."""
    owner: str
    """Who made it: `host:pid:start`, as far as the backend can tell."""
    expires: str
    """When its lease ends, RFC 3339; after that any sweep may destroy it."""
    dsn: str
    """Connection string without its password."""


class PromotionPlan(TypedDict):
    """An ordered plan; nothing is written to a source without an approval that names its hash."""
    candidate: CandidateId
    """The winner that it promotes."""
    hash: str
    """BLAKE3 over everything else, hexadecimal."""
    steps: list[PromotionStep]
    """In order."""
    grounds: Grounds
    """What must still be so."""


class Grounds(TypedDict):
    """The database as it was when the change was measured, as far as a promotion relies on it."""
    database: str
    """Database name."""
    server_version: int
    """`server_version_num`."""
    search_path: list[str]
    """Schemas in which unqualified names were looked up, first to last."""
    objects: list[ObjectFacts]
    """Tables that the workload reads or writes and that candidates change."""


class Rehearsal(TypedDict):
    """What promoting would do."""
    checks: list[Check]
    """Every check."""
    steps: list[list[str]]
    """The statements of each step, in the order in which they would run."""
    back: list[list[str]]
    """The statements that would undo each step, in the same order of steps."""


class Check(TypedDict):
    """One thing that was looked at."""
    name: str
    """What it is about."""
    finding: Finding
    """How it stands."""
    detail: str
    """What was found."""


class _Promoted(TypedDict):
    id: int
    """Its number in the journal; what `rollback` wants."""
    state: PromotionState
    """Promoted, or rolled back because `auto_rollback` asked for it."""
    checks: list[Check]
    """What was checked before."""
    verification: Verification
    """What the plans of the workload say."""


class Promoted(_Promoted, total=False):
    """What became of a promotion."""
    watched: WatchReport | None
    """What the statistics of statements say, if they were watched."""


class Verification(TypedDict):
    """What was found after a promotion."""
    statements: list[StatementPlans]
    """Every statement and parameter set of the workload."""
    unused: list[str]
    """Indexes and views that no plan uses."""


class _StatementPlans(TypedDict):
    statement: StatementId
    """Statement."""
    parameter_set: ParameterSetId
    """Parameter set."""
    uses: list[str]
    """What of the promotion its plan uses."""


class StatementPlans(_StatementPlans, total=False):
    """The plan of one statement with one parameter set, before and after."""
    cost_before: float | None
    """The planner's cost before the promotion; absent where the server refused to plan it."""
    cost_after: float | None
    """The planner's cost after it, of the new text where the statement is rewritten."""
    error: str | None
    """Why it could not be planned."""


class _WatchReport(TypedDict):
    seconds: float
    """How long was watched, seconds."""
    statements: list[StatementGain]
    """Statements that were called often enough before and since, slowest change first."""


class WatchReport(_WatchReport, total=False):
    """What the statistics of statements said at the end of a watch."""
    ratio: float | None
    """Mean time of the workload's statements since over before, each weighted by its calls since; absent if none was
    called often enough.
    """


class _StatementGain(TypedDict):
    query: str
    """Its text, as the server keeps it."""
    calls: float
    """Calls since."""
    before_ms: float
    """Mean milliseconds before the promotion, since the statistics were reset."""
    since_ms: float
    """Mean milliseconds since the promotion."""
    regressed: bool
    """Whether it became slower beyond the bound, by more than chance explains."""


class StatementGain(_StatementGain, total=False):
    """One statement, before and since."""
    statement: StatementId | None
    """Statement of the workload, if it is one."""


class _PromotionRecord(TypedDict):
    id: int
    """Its number; what `rollback` wants."""
    hash: str
    """Hash of its plan."""
    candidate: str
    """Candidate that it promotes."""
    state: PromotionState
    """How far it came."""
    started: str
    """When it began, as the server prints it."""
    changed: str
    """When its state last changed."""
    by_role: str
    """Role that promoted it."""
    plan: PromotionPlan
    """The plan."""
    steps: list[StepRecord]
    """Its steps."""


class PromotionRecord(_PromotionRecord, total=False):
    """One promotion in the journal."""
    error: str | None
    """Why it was undone or interrupted, if it was."""
    verification: Any
    """Whether the plans of the judged statements use it."""
    realized: Any
    """What the statistics of statements say since."""


class _StepRecord(TypedDict):
    number: int
    """From 1."""
    title: str
    """One line."""
    state: StepState
    """How far it came."""
    actions_done: int
    """How many of its actions are done."""


class StepRecord(_StepRecord, total=False):
    """One step in the journal."""
    earlier: Any
    """What was there before it, where it replaces something."""


class Brief(TypedDict):
    """Everything an agent needs to know: the problem, the workload, the catalog and the plans of today."""
    problem: Problem
    """What is to be made better."""
    workload: Workload
    """The statements."""
    catalog: Catalog
    """What the database says of itself."""
    plans: list[StatementPlan]
    """One executed plan for each read statement and parameter set (EXPLAIN ANALYZE, VERBOSE, BUFFERS), and
    one plain plan for each write.
    """


class _Catalog(TypedDict):
    server_version: int
    """`server_version_num`, such as 150018."""
    database: str
    """Database name."""
    settings: dict[str, str]
    """Settings that change plans or are worth knowing, by name."""
    extensions: list[str]
    """Installed extensions."""
    available_extensions: list[str]
    """Extensions that CREATE EXTENSION would find."""
    search_path: list[str]
    """Schemas in which unqualified names are looked up, first to last."""
    tables: list[Table]
    """Tables, partitioned tables and materialized views, by schema and name."""


class Catalog(_Catalog, total=False):
    """A snapshot of the catalogs of one database; system schemas are left out."""
    stored_settings: list[StoredSetting]
    """Settings that sessions of this database, or of a role in any database, begin with."""


class _StoredSetting(TypedDict):
    name: str
    """Name of the setting."""
    value: str
    """Its value."""


class StoredSetting(_StoredSetting, total=False):
    """What `ALTER DATABASE … SET` or `ALTER ROLE … SET` stored."""
    role: str | None
    """For this role in any database; without one for any role in this database."""


class _Table(TypedDict):
    schema: str
    """Schema."""
    name: str
    """Name."""
    kind: TableKind
    """What it is."""
    rows: float
    """Rows by the planner's estimate (`reltuples`); negative if never analyzed."""
    bytes: int
    """Bytes of the table with TOAST, without indexes."""
    columns: list[Column]
    """In order."""
    indexes: list[Index]
    """All indexes, constraint indexes included."""
    constraints: list[Constraint]
    """All constraints."""
    statistics: list[ExtendedStatistics]
    """Extended statistics objects."""
    activity: TableActivity
    """Cumulative activity counters."""


class Table(_Table, total=False):
    """A relation that holds rows."""
    partition_of: str | None
    """Partitioned table that this is a partition of, as `schema.name`."""


class _Column(TypedDict):
    name: str
    """Name."""
    type_name: str
    """Type as `format_type` prints it."""
    not_null: bool
    """Declared NOT NULL."""
    statistics_target: int
    """Statistics target; -1 is the default of the server."""
    generated: bool
    """Whether it is a generated column."""


class Column(_Column, total=False):
    """A column."""
    collation: str | None
    """Collation name if not the default one."""
    statistics: ColumnStatistics | None
    """`pg_stats`, if analyzed and readable."""


class _ColumnStatistics(TypedDict):
    null_fraction: float
    """Share of NULLs."""
    n_distinct: float
    """Distinct values; negative means minus the share of rows (PostgreSQL manual, `pg_stats.n_distinct`)."""
    average_width: int
    """Bytes."""
    most_common_values: list[str]
    """Most common values, as text."""
    most_common_frequencies: list[float]
    """Their shares, same order."""


class ColumnStatistics(_ColumnStatistics, total=False):
    """One row of `pg_stats`."""
    correlation: float | None
    """Physical order against logical order, -1 to 1."""


class _Index(TypedDict):
    schema: str
    """Schema."""
    name: str
    """Name."""
    method: str
    """Access method, such as `btree`."""
    unique: bool
    """Unique."""
    primary: bool
    """Primary key."""
    valid: bool
    """Usable by the planner."""
    replica_identity: bool
    """Replica identity."""
    keys: list[IndexKey]
    """Key columns, in order."""
    include: list[str]
    """INCLUDE columns."""
    bytes: int
    """Bytes."""
    scans: int
    """`idx_scan`."""
    definition: str
    """`pg_get_indexdef`."""


class Index(_Index, total=False):
    """An index."""
    predicate: str | None
    """WHERE clause as the server prints it."""
    constraint: str | None
    """Constraint that owns it, if any."""


class _Constraint(TypedDict):
    name: str
    """Name."""
    kind: ConstraintKind
    """What it is."""
    columns: list[str]
    """Constrained columns of this table, in order."""
    validated: bool
    """Whether existing rows were checked."""
    definition: str
    """`pg_get_constraintdef`."""


class Constraint(_Constraint, total=False):
    """A constraint."""
    references: Reference | None
    """What a foreign key points at."""


class Reference(TypedDict):
    """Target of a foreign key."""
    schema: str
    """Schema."""
    table: str
    """Table."""
    columns: list[str]
    """Columns, in the order of the constraint."""


class ExtendedStatistics(TypedDict):
    """A CREATE STATISTICS object."""
    schema: str
    """Schema."""
    name: str
    """Name."""
    columns: list[str]
    """Plain columns."""
    definition: str
    """`pg_get_statisticsobjdef`."""


class TableActivity(TypedDict):
    """`pg_stat_user_tables`, as far as it is read."""
    sequential_scans: int
    index_scans: int
    inserted: int
    updated: int
    hot_updated: int
    deleted: int
    live: int
    dead: int
    modified_since_analyze: int
    analyzed: bool
    """Whether it was ever analyzed, by hand or automatically."""


class _StatementPlan(TypedDict):
    statement: StatementId
    """Statement."""
    parameter_set: ParameterSetId
    """Parameter set."""
    plan: Plan
    """The plan."""


class StatementPlan(_StatementPlan, total=False):
    """The plan of one statement with one parameter set."""
    cut_off: bool
    """Whether the statement was stopped since it did not end within the statement time-out: its execution time is that
    time-out then, and no node was executed.
    """


_Plan = TypedDict("_Plan", {
    "Plan": "PlanNode",
})
_PlanRest = TypedDict("_PlanRest", {
    "Planning Time": "float | None",
    "Execution Time": "float | None",
    "JIT": "Jit | None",
}, total=False)


class Plan(_Plan, _PlanRest):
    """One plan as the server printed it (PostgreSQL manual, "EXPLAIN")."""


_PlanNode = TypedDict("_PlanNode", {
    "Node Type": "str",
})
_PlanNodeRest = TypedDict("_PlanNodeRest", {
    "Parent Relationship": "str | None",
    "Subplan Name": "str | None",
    "CTE Name": "str | None",
    "Join Type": "str | None",
    "Strategy": "str | None",
    "Operation": "str | None",
    "Scan Direction": "str | None",
    "Index Name": "str | None",
    "Relation Name": "str | None",
    "Schema": "str | None",
    "Alias": "str | None",
    "Startup Cost": "float",
    "Total Cost": "float",
    "Plan Rows": "float",
    "Plan Width": "float",
    "Actual Rows": "float | None",
    "Actual Loops": "float | None",
    "Actual Total Time": "float | None",
    "Output": "list[str]",
    "Filter": "str | None",
    "Rows Removed by Filter": "float",
    "Index Cond": "str | None",
    "Recheck Cond": "str | None",
    "Hash Cond": "str | None",
    "Merge Cond": "str | None",
    "Join Filter": "str | None",
    "Sort Key": "list[str]",
    "Presorted Key": "list[str]",
    "Group Key": "list[str]",
    "Sort Method": "str | None",
    "Heap Fetches": "float | None",
    "Shared Hit Blocks": "float",
    "Shared Read Blocks": "float",
    "Temp Read Blocks": "float",
    "Temp Written Blocks": "float",
    "WAL Bytes": "float",
    "WAL FPI": "float",
    "Plans": "list[PlanNode]",
}, total=False)


class PlanNode(_PlanNode, _PlanNodeRest):
    """One node; lists are empty and numbers zero where the server printed nothing."""


class Jit(TypedDict, total=False):
    """What just-in-time compilation did for one execution."""
    Functions: float
    """Functions compiled."""
    Timing: JitTiming | None
    """Where its time went; only with ANALYZE."""


class JitTiming(TypedDict, total=False):
    """Time spent on just-in-time compilation."""
    Total: float
    """Milliseconds of generating, inlining, optimizing and emitting, over all processes."""


class _Verdict(TypedDict):
    reason: str
    """Why this one, or why none."""
    noise: float
    """Largest A/A deviation that the run itself showed, as a share: 0.02 means 2 %."""
    drift: float
    """Largest drift of a baseline from the first to the last third of its rounds, as a share."""
    ranking: list[Ranked]
    """Every candidate, best first."""


class Verdict(_Verdict, total=False):
    """The decision."""
    winner: CandidateId | None
    """The winner, if one earned it."""
    ratio: Interval | None
    """The winner's ratio."""


class _Ranked(TypedDict):
    candidate: CandidateId
    """Candidate."""
    status: CandidateStatus
    """Outcome."""
    reason: str
    """Why."""
    statements: list[StatementVerdict]
    """Each statement and parameter set that was measured."""


class Ranked(_Ranked, total=False):
    """One candidate in the ranking."""
    ratio: Interval | None
    """Weighted workload time with the change over without it; absent if it was never measured."""


class _StatementVerdict(TypedDict):
    statement: StatementId
    """Statement."""
    parameter_set: ParameterSetId
    """Parameter set."""
    pairs: int
    """Pairs measured; zero where the plan is the same."""
    baseline_ms: float
    """Median baseline time, milliseconds: without the wait for a processor where that can be read."""
    candidate_ms: float
    """Median candidate time, milliseconds."""
    ratio: Interval
    """Candidate over baseline, by the clock of `baseline_ms` and `candidate_ms`."""


class StatementVerdict(_StatementVerdict, total=False):
    """The ratio of one statement with one parameter set."""
    baseline_cut_off: bool
    """Whether the baseline was stopped: it takes at least `baseline_ms`."""
    baseline_cpu_ms: float | None
    """Median processor time of the server process, milliseconds, where it can be read: baseline."""
    candidate_cpu_ms: float | None
    """The same under the candidate."""
    baseline_wall_ms: float | None
    """Median wall time of the baseline, milliseconds, where the times above are without the wait for a
    processor; absent where they are wall time themselves.
    """
    candidate_wall_ms: float | None
    """The same under the candidate."""


WorkloadInput: TypeAlias = "WorkloadInputFile | WorkloadInputText | WorkloadInputParsed"
"""The statements of a competition: exactly one of these."""

StatementId: TypeAlias = "str"
"""A statement within a workload, such as `email_report`."""

StatementKind: TypeAlias = 'Literal["read"] | Literal["write"]'
"""Whether a statement changes data."""

ParameterSetId: TypeAlias = "str"
"""A parameter set within a statement, such as `rare_domain`."""

Origin: TypeAlias = 'Literal["given"] | Literal["log"] | Literal["activity"] | Literal["qualstats"] | OriginSynthesized'
"""Where parameter values came from."""

Selectivity: TypeAlias = 'Literal["frequent"] | Literal["typical"] | Literal["rare"] | Literal["absent"]'
"""How much of a table the values of a set are meant to find."""

Objective: TypeAlias = 'Literal["total_time"] | Literal["geometric_mean"] | ObjectiveTailTime'
"""What is minimized."""

TableKind: TypeAlias = 'Literal["table"] | Literal["partitioned"] | Literal["materialized_view"]'
"""Kind of relation."""

UniverseId: TypeAlias = "str"
"""A leased fork, such as `pgverse_fork_k3v9x2ab`; unique over all runs."""

AgentName: TypeAlias = "str"
"""An agent, such as `index`: stable, unique, lowercase."""

CandidateId: TypeAlias = "str"
"""A candidate within a competition, such as `index-2`."""

CandidateStatus: TypeAlias = 'Literal["crowned"] | Literal["runner_up"] | Literal["eliminated"] | Literal["rejected"] | Literal["failed"]'
"""What became of a candidate."""

Operation: TypeAlias = "OperationCreateIndex | OperationDropIndex | OperationCreateStatistics | OperationSetStatisticsTarget | OperationAnalyze | OperationSetting | OperationAddConstraint | OperationCreateMaterializedView | OperationRewriteStatement | OperationSql"
"""A typed change. Each knows how to be applied, undone, applied online, which lock it takes, and how it can
be switched off inside a transaction.
"""

SettingScope: TypeAlias = "SettingScopeDatabase | SettingScopeRole"
"""For whom a setting holds."""

LockLevel: TypeAlias = 'Literal["none"] | Literal["access_share"] | Literal["row_share"] | Literal["row_exclusive"] | Literal["share_update_exclusive"] | Literal["share"] | Literal["share_row_exclusive"] | Literal["exclusive"] | Literal["access_exclusive"]'
"""Table-level lock modes (PostgreSQL manual, "Explicit Locking"), weakest first."""

Answers: TypeAlias = 'Literal["same"] | Literal["differs"] | Literal["unverifiable"] | Literal["unchanged"]'
"""Whether the answers stayed the same."""

WriteSource: TypeAlias = 'Literal["workload"] | Literal["generated"]'
"""Where the writes came from whose cost is told."""

TrialState: TypeAlias = "TrialStateMeasured | TrialStateRejected | TrialStateFailed"
"""How far a candidate came."""

GeneratedKind: TypeAlias = 'Literal["insert"] | Literal["update_indexed"] | Literal["update_unindexed"] | Literal["delete"]'
"""Kind of a generated write."""

Event: TypeAlias = "EventStarted | EventPreparing | EventUniverseSpawned | EventProposed | EventApplied | EventMeasured | EventEliminated | EventFailed | EventUniverseDestroyed | EventCrowned | EventNoWinner | EventFinished"
"""What happened in a competition."""

Finding: TypeAlias = 'Literal["fine"] | Literal["warning"] | Literal["refused"]'
"""How a check stands."""

PromotionState: TypeAlias = 'Literal["promoting"] | Literal["promoted"] | Literal["rolling_back"] | Literal["rolled_back"]'
"""How far a promotion came."""

StepState: TypeAlias = 'Literal["pending"] | Literal["running"] | Literal["done"] | Literal["undoing"] | Literal["undone"]'
"""How far a step came."""

ConstraintKind: TypeAlias = 'Literal["primary_key"] | Literal["unique"] | Literal["foreign_key"] | Literal["check"] | Literal["exclusion"] | Literal["not_null"] | Literal["trigger"]'
"""Kind of constraint."""
