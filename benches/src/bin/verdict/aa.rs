//! Honesty: competitions between candidates that change nothing. Whoever is crowned is a false winner.

use std::sync::Arc;

use pgverse::Result;
use pgverse::competition::{Competition, RaceOptions};
use pgverse::judge::PairedJudge;
use pgverse::report::judge_again;
use pgverse::types::{
    Candidate, Change, IndexKey, Limits, Operation, Problem, Report, SettingScope, Statement, Workload,
};
use pgverse_testkit::FixedAgent;

use crate::ground::{Arena, read};
use crate::numbers::{Noise, share, upper_bound};

const CANDIDATES: usize = 3;
const BY_OWNER: &str = "SELECT count(*), sum(amount) FROM things WHERE owner = 77";

pub(crate) async fn run(trials: usize, seed: u64) -> Result<()> {
    let arena = Arena::open(seed).await?;
    let (mut crowned, mut certified, mut usual, mut pairs) = (0, 0, 0, 0);
    let mut noise = Noise::default();
    for number in 0..trials {
        let report = compete(&arena, seed + number as u64).await?;
        crowned += usize::from(report.verdict.winner.is_some());
        certified += report.trials.iter().filter(|t| t.rival.is_some()).count();
        usual += usize::from(judged_as_usual(&report)?);
        pairs += report
            .trials
            .iter()
            .filter_map(|t| t.samples.first())
            .map(|s| s.baseline_ms.len())
            .sum::<usize>();
        noise.add(&report.trials);
    }
    println!(
        "aa: {crowned} of {trials} competitions between {CANDIDATES} equals crowned one ({:.2} %, 95 % upper bound {:.2} %); target at most 1 %",
        share(crowned, trials) * 100.0,
        upper_bound(crowned, trials)? * 100.0
    );
    println!(
        "    with no least gain asked for; the same samples with the usual 5 %: {usual} crowned; {certified} unions raced; {:.0} pairs a candidate",
        share(pairs, trials * CANDIDATES)
    );
    println!("    {}; {}", noise.describe(), arena.load.describe());
    arena.close().await
}

/// The harshest problem: any gain at all would do.
async fn compete(arena: &Arena, seed: u64) -> Result<Report> {
    let limits = Limits { min_gain: 0.0, ..Limits::default() };
    Competition::builder()
        .problem(Problem { limits, ..Problem::default() })
        .workload(Workload { statements: statements() })
        .backend(arena.held.clone())
        .agent(Arc::new(FixedAgent::new("nothing", idle())))
        .options(RaceOptions { falsification_databases: 20, ..RaceOptions::default() })
        .seed(seed)
        .build()?
        .run()
        .await
}

fn judged_as_usual(report: &Report) -> Result<bool> {
    let report = Report { problem: Problem::default(), ..report.clone() };
    Ok(judge_again(&report, &PairedJudge)?.verdict.winner.is_some())
}

fn statements() -> Vec<Statement> {
    vec![
        read("by_owner", BY_OWNER),
        read("by_label", "SELECT id FROM things WHERE label = 'label 4711' ORDER BY id"),
        read(
            "totals",
            "SELECT amount, count(*) FROM things WHERE id < 20000 GROUP BY amount ORDER BY amount",
        ),
    ]
}

/// Changes of three kinds that change nothing: a name that nothing depends on, an index that no plan can use, and a text
/// that means the same. Each is switched on and off in its own way.
fn idle() -> Vec<Candidate> {
    let name = Operation::Setting {
        name: "application_name".to_owned(),
        value: "idle".to_owned(),
        scope: SettingScope::Database("things".to_owned()),
        previous: None,
    };
    let index = Operation::CreateIndex {
        schema: "public".to_owned(),
        table: "things".to_owned(),
        name: "things_none".to_owned(),
        method: "btree".to_owned(),
        keys: vec![IndexKey::column("amount")],
        include: Vec::new(),
        predicate: Some("amount < 0".to_owned()),
        partitions: None,
    };
    let rewrite = Operation::RewriteStatement {
        statement: "by_owner".into(),
        sql: BY_OWNER.replace("owner = 77", "(owner) = (77)"),
        rule: "parentheses".to_owned(),
    };
    [("another name", name), ("an index of no row", index), ("parentheses", rewrite)]
        .into_iter()
        .map(|(title, operation)| {
            Candidate::new(title, Change::of(operation)).helping(statements().into_iter().map(|s| s.id))
        })
        .collect()
}
