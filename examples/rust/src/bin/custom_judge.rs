//! A custom judge: of what is certified, the smallest that is nearly as fast as the fastest.
//! `cargo run -p pgverse-examples --bin custom_judge`.

#![allow(clippy::print_stdout, reason = "a program speaks on standard output")]

use std::sync::Arc;

use pgverse::Result;
use pgverse::backends::{Origin, Tenure, backend};
use pgverse::competition::Competition;
use pgverse::demo::Demo;
use pgverse::judge::PairedJudge;
use pgverse::traits::Judge;
use pgverse::types::{CandidateId, CandidateStatus, Problem, Ranked, Trial, Verdict};

/// Takes the usual judge's word for what is certified, and chooses by storage among those that are at most this
/// many times as slow as the fastest.
#[derive(Debug)]
struct Frugal {
    tolerance: f64,
}

impl Judge for Frugal {
    fn name(&self) -> &str {
        "frugal"
    }

    fn judge(&self, problem: &Problem, trials: &[Trial]) -> Result<Verdict> {
        let mut verdict = PairedJudge.judge(problem, trials)?;
        let Some(fastest) = verdict.ratio else { return Ok(verdict) };
        let bytes = |id: &CandidateId| trials.iter().find(|t| &t.candidate == id).map(|t| t.costs.bytes);
        let certified =
            |r: &&Ranked| matches!(r.status, CandidateStatus::Crowned | CandidateStatus::RunnerUp);
        let near = |r: &&Ranked| r.ratio.is_some_and(|r| r.estimate <= fastest.estimate * self.tolerance);
        let smallest =
            verdict.ranking.iter().filter(certified).filter(near).min_by_key(|r| bytes(&r.candidate));
        let Some(chosen) = smallest.map(|r| r.candidate.clone()) else { return Ok(verdict) };
        for ranked in verdict.ranking.iter_mut() {
            if ranked.candidate == chosen {
                ranked.status = CandidateStatus::Crowned;
                verdict.ratio = ranked.ratio;
                verdict.reason = format!("{chosen}: the smallest near the fastest; {}", ranked.reason);
            } else if ranked.status == CandidateStatus::Crowned {
                ranked.status = CandidateStatus::RunnerUp;
            }
        }
        verdict.winner = Some(chosen);
        Ok(verdict)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let demo = Demo::new(0.1)?;
    let report = Competition::builder()
        .problem(demo.problem())
        .workload(demo.workload()?)
        .backend(backend("local", &Origin::Demo(demo), Tenure::Run)?)
        .agent(pgverse::agents::by_name("index")?)
        .judge(Arc::new(Frugal { tolerance: 1.5 }))
        .build()?
        .run()
        .await?;
    println!("{}", report.verdict.reason);
    Ok(())
}
