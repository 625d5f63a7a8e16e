//! What racing saves: the time that the demo measured against giving every arm 30 runs of everything.

use std::collections::BTreeMap;
use std::path::Path;

use pgverse::backends::{Origin, Tenure, backend};
use pgverse::competition::Competition;
use pgverse::demo::Demo;
use pgverse::stats::median;
use pgverse::types::{PairedSamples, Report};
use pgverse::{Error, Result};

const RUNS: f64 = 30.0;

pub(crate) async fn run(report: Option<&Path>, scale: f64) -> Result<()> {
    let report = match report {
        Some(path) => read(path)?,
        None => compete(scale).await?,
    };
    let measured = report.timing.measuring_seconds;
    let naive = naive_seconds(&report);
    println!(
        "demo: measured for {measured:.1} s; every arm {RUNS} runs of everything, by the medians of this run: {naive:.1} s; ratio {:.3}; target at most 0.3",
        measured / naive
    );
    println!(
        "    {} candidates raced, winner {}",
        raced(&report).count(),
        report.verdict.winner.as_ref().map_or("none", |w| w.as_str())
    );
    Ok(())
}

async fn compete(scale: f64) -> Result<Report> {
    let demo = Demo::new(scale)?;
    let competition = Competition::builder()
        .problem(demo.problem())
        .workload(demo.workload()?)
        .backend(backend("local", &Origin::Demo(demo), Tenure::Run)?)
        .agents(pgverse::agents::all())
        .build()?;
    competition.run().await
}

fn read(path: &Path) -> Result<Report> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::invalid("the report cannot be read").with("path", path.display()).caused_by(e))?;
    serde_json::from_str(&text)
        .map_err(|e| Error::invalid("this is no report").with("path", path.display()).caused_by(e))
}

fn raced(report: &Report) -> impl Iterator<Item = &Vec<PairedSamples>> {
    report.trials.iter().map(|t| &t.samples).filter(|s| s.iter().any(|s| !s.candidate_ms.is_empty()))
}

/// Wall time of 30 runs of each statement and parameter set, once for the baseline and once for each candidate
/// that was raced, from the medians of the report itself. What a candidate does not change takes it as long as
/// the baseline.
fn naive_seconds(report: &Report) -> f64 {
    let mut baseline: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    for s in raced(report).flatten() {
        let raced = !s.candidate_ms.is_empty();
        let place = (s.statement.as_str(), s.parameter_set.as_str());
        if raced || !baseline.contains_key(&place) {
            baseline.insert(place, median(&s.baseline_ms));
        }
    }
    let own = |s: &PairedSamples| {
        if s.candidate_ms.is_empty() { median(&s.baseline_ms) } else { median(&s.candidate_ms) }
    };
    let candidates: f64 = raced(report).flatten().map(own).sum();
    (baseline.values().sum::<f64>() + candidates) * RUNS / 1e3
}
