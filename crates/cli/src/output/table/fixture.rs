//! A report for the snapshot tests. Its figures are made up; no user ever sees them.

use pgverse::types::{
    Answers, CandidateReport, CandidateStatus, Change, ChangeReport, CostReport, Costs, FinalReport,
    ForkReport, HoldingCost, IndexKey, Interval, Operation, OperationCost, Origin, ParameterSet, Problem,
    PromotionReport, PromotionStep, Report, SourceReport, Statement, StatementKind, StatementReport, Timing,
    UniverseReport, VerdictReport, Workload,
};

/// One winner, one runner-up, one rejected, one failed, and an agent that got no fork.
pub(crate) fn report() -> Report {
    Report {
        format: 1,
        id: "competition-20260102T030405000Z".into(),
        started: "2026-01-02T03:04:05Z".into(),
        seed: 42,
        pgverse: "0.1.0".into(),
        problem: Problem::default(),
        workload: workload(),
        source: SourceReport {
            server_version: 150_018,
            database: "shop".into(),
            table_bytes: 216_000_000,
            settings: Default::default(),
            search_path: Vec::new(),
            objects: Vec::new(),
        },
        timing: Timing {
            total_seconds: 58.1,
            forking_seconds: 0.142,
            building_seconds: 6.3,
            measuring_seconds: 44.9,
            postgres_seconds: 47.6,
            postgres_share: 0.819,
        },
        universes: vec![index(), query(), no_fork()],
        grand_final: Some(FinalReport {
            id: Some("pgverse_fork_final".into()),
            fork: ForkReport { seconds: 0.0691, bytes: 1_700_000, memory_bytes: Some(18_000_000), mechanism: "reflink".into() },
            error: None,
            candidate: Some("index-2".into()),
        }),
        verdict: VerdictReport {
            winner: Some("index-1".into()),
            agent: Some("index".into()),
            ratio: Some(interval(0.312, 0.301, 0.330)),
            reason: "index-1 has the lowest ratio of those that keep every bound".into(),
            noise: 0.021,
            drift: 0.043,
            judge: "paired".into(),
        },
        promotion: PromotionReport {
            hash: "c0ffee".into(),
            steps: vec![PromotionStep {
                title: "build index orders_user_id_created_at_idx concurrently".into(),
                up: vec!["CREATE INDEX CONCURRENTLY orders_user_id_created_at_idx ON public.orders USING btree (user_id, created_at DESC)".into()],
                down: vec!["DROP INDEX CONCURRENTLY public.orders_user_id_created_at_idx".into()],
                lock: pgverse::types::LockLevel::ShareUpdateExclusive,
                transactional: false,
                cost: Some(OperationCost { seconds: 0.31, bytes: 4_100_000 }),
                operation: Operation::Sql {
                    apply: Vec::new(),
                    undo: Vec::new(),
                    online: Vec::new(),
                    lock: pgverse::types::LockLevel::None,
                },
            }],
        },
        costs: CostReport {
            forks: HoldingCost { count: 2, bytes: 3_400_000, gib_hours: 0.00005, running_hours: 0.03, price: 0.0 },
            full_clones: HoldingCost { count: 2, bytes: 480_000_000, gib_hours: 0.007, running_hours: 0.03, price: 0.0 },
            formula: "price = GiB × hours × 0 + running hours × 0; bytes and hours are measured".into(),
        },
        trials: Vec::new(),
    }
}

/// The same without a winner.
pub(crate) fn undecided() -> Report {
    let mut report = report();
    report.verdict = VerdictReport {
        winner: None,
        agent: None,
        ratio: None,
        reason: "no candidate is certified to make the workload at least 5 % faster".into(),
        noise: 0.034,
        drift: 0.0,
        judge: "paired".into(),
    };
    report.promotion = PromotionReport::default();
    report.universes.truncate(2);
    report.grand_final = None;
    for candidate in report.universes.iter_mut().flat_map(|u| &mut u.candidates) {
        if matches!(candidate.status, CandidateStatus::Crowned | CandidateStatus::RunnerUp) {
            candidate.status = CandidateStatus::Eliminated;
            candidate.reason = "not certified to be at least 5 % faster".into();
        }
    }
    report
}

fn workload() -> Workload {
    let statement = |id: &str, kind| Statement {
        id: id.into(),
        sql: "SELECT 1".into(),
        fingerprint: "f".into(),
        kind,
        parameter_sets: vec![ParameterSet { origin: Origin::Given, ..ParameterSet::none() }],
        weight: 1.0,
    };
    Workload {
        statements: vec![
            statement("recent_orders", StatementKind::Read),
            statement("email_report", StatementKind::Read),
            statement("place_order", StatementKind::Write),
        ],
    }
}

fn index() -> UniverseReport {
    let create = |name: &str, keys: Vec<IndexKey>| {
        Change::of(Operation::CreateIndex {
            schema: "public".into(),
            table: "orders".into(),
            name: name.into(),
            method: "btree".into(),
            keys,
            include: Vec::new(),
            predicate: None,
            partitions: None,
        })
    };
    let first = CandidateReport {
        statements: vec![
            measured("recent_orders", "frequent", 24, 17.84, 0.0412, interval(0.002, 0.002, 0.003)),
            measured("email_report", "big_domain", 0, 122.5, 122.5, Interval::ONE),
            measured("place_order", "three_items", 24, 0.131, 0.139, interval(1.058, 1.02, 1.10)),
        ],
        ..candidate(
            "index-1",
            "B-tree on orders (user_id, created_at DESC)",
            &create(
                "orders_user_id_created_at_idx",
                vec![IndexKey::column("user_id"), IndexKey::column("created_at").descending()],
            ),
        )
    };
    let second = CandidateReport {
        status: CandidateStatus::RunnerUp,
        reason: "certified, but index-1 is faster".into(),
        ratio: Some(interval(0.412, 0.398, 0.431)),
        predicted_ratio: Some(0.88),
        costs: Costs { build_seconds: 0.31, bytes: 4_100_000, write_ratio: Some(1.03), ..Costs::default() },
        ..candidate(
            "index-2",
            "B-tree on orders (user_id)",
            &create("orders_user_id_idx", vec![IndexKey::column("user_id")]),
        )
    };
    universe("index", vec![first, second])
}

fn query() -> UniverseReport {
    let rewrite = Change::of(Operation::RewriteStatement {
        statement: "email_report".into(),
        sql: "SELECT 2".into(),
        rule: "pre_aggregate".into(),
    });
    let rejected = CandidateReport {
        status: CandidateStatus::Rejected,
        reason: "email_report (rare_domain) returns other rows: 50 became 49".into(),
        answers: Answers::Differs,
        ratio: None,
        predicted_ratio: Some(0.51),
        costs: Costs::default(),
        ..candidate("query-1", "Aggregate orders before the join", &rewrite)
    };
    let failed = CandidateReport {
        status: CandidateStatus::Failed,
        reason: "column o.sum does not exist (sqlstate: 42703)".into(),
        answers: Answers::Unchanged,
        ratio: None,
        predicted_ratio: None,
        costs: Costs::default(),
        ..candidate("query-2", "Replace the correlated subquery by a join", &rewrite)
    };
    universe("query", vec![rejected, failed])
}

fn no_fork() -> UniverseReport {
    UniverseReport {
        id: None,
        fork: ForkReport::default(),
        error: Some("not enough space for another fork".into()),
        ..universe("cache", Vec::new())
    }
}

fn universe(agent: &str, candidates: Vec<CandidateReport>) -> UniverseReport {
    UniverseReport {
        id: Some(format!("pgverse_fork_{agent}").as_str().into()),
        agent: agent.into(),
        backend: "local".into(),
        fork: ForkReport {
            seconds: 0.0713,
            bytes: 1_700_000,
            memory_bytes: Some(18_000_000),
            mechanism: "reflink".into(),
        },
        error: None,
        candidates,
    }
}

fn candidate(id: &str, title: &str, change: &Change) -> CandidateReport {
    let proposed = pgverse::types::Candidate::new(title, change.clone());
    CandidateReport {
        id: id.into(),
        title: title.into(),
        rationale: "because".into(),
        status: CandidateStatus::Crowned,
        reason: "keeps every bound and has the lowest ratio".into(),
        change: ChangeReport::of(&proposed),
        predicted_ratio: Some(0.61),
        answers: Answers::Unchanged,
        ratio: Some(interval(0.312, 0.301, 0.330)),
        statements: Vec::new(),
        costs: Costs {
            build_seconds: 0.412,
            bytes: 15_700_000,
            wal_bytes: Some(11_000_000),
            write_ratio: Some(1.058),
            refresh_seconds: None,
            ..Costs::default()
        },
    }
}

fn measured(id: &str, set: &str, pairs: usize, before: f64, after: f64, ratio: Interval) -> StatementReport {
    StatementReport {
        id: id.into(),
        parameter_set: set.into(),
        pairs,
        baseline_ms: before,
        baseline_cut_off: false,
        candidate_ms: after,
        baseline_cpu_ms: (pairs > 0).then_some(before),
        candidate_cpu_ms: (pairs > 0).then_some(after),
        baseline_wall_ms: None,
        candidate_wall_ms: None,
        ratio,
    }
}

fn interval(estimate: f64, low: f64, high: f64) -> Interval {
    Interval { estimate, low, high }
}
