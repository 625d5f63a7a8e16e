//! A report around one candidate, as if it had won, and commands that are killed in the middle of their work.

use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use pgverse_core::promote;
use pgverse_core::types::{
    Answers, Candidate, CandidateReport, CandidateStatus, Catalog, ChangeReport, CostReport, Costs,
    ForkReport, ObjectFacts, Problem, PromotionReport, Report, SourceReport, Timing, UniverseReport,
    VerdictReport, Workload,
};

/// A report whose winner is this candidate. Nothing in it was measured: it is for what comes after a verdict.
pub fn report_of(mut candidate: Candidate, workload: Workload, catalog: &Catalog) -> Report {
    candidate.id = "test-1".into();
    candidate.agent = "test".into();
    candidate.change.see_catalog(catalog);
    let mut source = SourceReport::of(catalog);
    source.objects = catalog.tables.iter().map(|t| ObjectFacts::of(catalog, t)).collect();
    source.objects.retain(|o| o.schema != "pgverse");
    let plan = promote::plan(&candidate, &[], &source);
    let winner = CandidateReport {
        id: candidate.id.clone(),
        title: candidate.title.clone(),
        rationale: String::new(),
        status: CandidateStatus::Crowned,
        reason: String::new(),
        change: ChangeReport::of(&candidate),
        predicted_ratio: None,
        answers: Answers::Unchanged,
        ratio: None,
        statements: Vec::new(),
        costs: Costs::default(),
    };
    Report {
        format: 1,
        id: "competition-test".to_owned(),
        started: "2026-01-02T03:04:05Z".to_owned(),
        seed: 0,
        pgverse: env!("CARGO_PKG_VERSION").to_owned(),
        problem: Problem::default(),
        workload,
        source,
        timing: Timing::default(),
        universes: vec![UniverseReport {
            id: None,
            agent: candidate.agent.clone(),
            backend: "test".to_owned(),
            fork: ForkReport::default(),
            error: None,
            candidates: vec![winner],
        }],
        grand_final: None,
        verdict: VerdictReport {
            winner: Some(candidate.id),
            agent: Some(candidate.agent),
            ratio: None,
            reason: "made by a test".to_owned(),
            noise: 0.0,
            drift: 0.0,
            judge: "paired".to_owned(),
        },
        promotion: PromotionReport::from(plan),
        costs: CostReport::default(),
        trials: Vec::new(),
    }
}

/// Starts a command and kills it (SIGKILL) after this time; `None` if it was killed, its status if it had ended by then.
pub fn kill_after(command: &mut Command, after: Duration) -> Option<ExitStatus> {
    let mut child = command.spawn().expect("the command can be started");
    let begin = Instant::now();
    while begin.elapsed() < after {
        if let Some(status) = child.try_wait().expect("the command can be waited for") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    end(&mut child)
}

fn end(child: &mut Child) -> Option<ExitStatus> {
    child.kill().expect("the command can be killed");
    let status = child.wait().expect("the command can be waited for");
    status.code().map(|_| status)
}
