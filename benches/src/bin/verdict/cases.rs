//! Workloads on which a verdict is easily got wrong: the figures behind the tests of the same cases.

#[path = "../../../../crates/pgverse/tests/verdict/cases.rs"]
mod shared;

use pgverse::Result;
use pgverse::stats::median;
use pgverse::types::{CandidateReport, Interval, Report};

use crate::ground::Ground;
use shared::{candidate, winner};

pub(crate) async fn parameters() -> Result<()> {
    let ground = Ground::new()?;
    let alone = shared::parameters(ground.path(), false).await?;
    let beside = shared::parameters(ground.path(), true).await?;
    let right = winner(&alone).is_empty() && winner(&beside) == "index-2";
    println!(
        "parameters: (created_at) alone: {}; beside (status, created_at): {}; {}",
        crowned(&alone),
        crowned(&beside),
        verdict(right)
    );
    println!("    {}", candidate(&alone, "index-1")?.reason);
    for (name, id) in [("(created_at)", "index-1"), ("(status, created_at)", "index-2")] {
        for s in &candidate(&beside, id)?.statements {
            println!(
                "    {name:<22} {:<8} {:>8.3} ms -> {:>8.3} ms  {} after {} pairs",
                s.parameter_set.as_str(),
                s.baseline_ms,
                s.candidate_ms,
                times(s.ratio),
                s.pairs
            );
        }
    }
    Ok(())
}

pub(crate) async fn writes() -> Result<()> {
    let ground = Ground::new()?;
    let people = shared::people(ground.path())?;
    let bounded = shared::writes(people.clone(), 1.1, (1.0, 1.0)).await?;
    let reads = shared::writes(people.clone(), 1000.0, (100.0, 0.1)).await?;
    let writes = shared::writes(people, 1000.0, (0.01, 1000.0)).await?;
    let refused = winner(&bounded).is_empty() && candidate(&bounded, "index-1")?.reason.contains("allowed");
    let right = refused && winner(&reads) == "index-1" && winner(&writes).is_empty();
    println!(
        "writes: bounded: {}; reads weigh more: {}; writes weigh more: {}; {}",
        crowned(&bounded),
        crowned(&reads),
        crowned(&writes),
        verdict(right)
    );
    for report in [&bounded, &reads, &writes] {
        println!("    {}", candidate(report, "index-1")?.reason);
    }
    println!(
        "    a scan beside the rolled-back writes takes {:.2} times as long in the last three rounds as in the first three",
        drift(&reads).unwrap_or(1.0)
    );
    Ok(())
}

pub(crate) async fn finals() -> Result<()> {
    let ground = Ground::new()?;
    let helping = shared::helping(ground.path()).await?;
    let united = helping.grand_final.as_ref().and_then(|f| f.candidate.clone());
    let together = united.is_some() && united == helping.verdict.winner;
    println!("final: two that help each other: {}; {}", crowned(&helping), verdict(together));
    println!("    {}", helping.verdict.reason);
    let costly = shared::costly(ground.path()).await?;
    let right = costly.grand_final.as_ref().is_some_and(|f| f.candidate == costly.verdict.winner)
        && costly.promotion.steps.len() == 2;
    println!("final: one of two indexes slows a read: {}; {}", crowned(&costly), verdict(right));
    println!("    {}", costly.verdict.reason);
    let rewrites = shared::rewrites(ground.path()).await?;
    let right = winner(&rewrites) == "other-1" && rewrites.promotion.steps.len() == 1;
    println!("final: two texts of one statement: {}; {}", crowned(&rewrites), verdict(right));
    println!("    {}", rewrites.verdict.reason);
    let old_text = shared::old_text(ground.path()).await?;
    let right = !winner(&old_text).is_empty() && candidate(&old_text, winner(&old_text))?.change.len() == 1;
    println!("final: an index for the old text, and a new text: {}; {}", crowned(&old_text), verdict(right));
    for CandidateReport { id, reason, .. } in old_text.universes.iter().flat_map(|u| &u.candidates) {
        println!("    {id}: {reason}");
    }
    Ok(())
}

/// How much longer the baseline of a read takes at the end of a race than at its begin.
fn drift(report: &Report) -> Option<f64> {
    let scan = report.trials.first()?.samples.iter().find(|s| s.statement.as_str() == "by_email")?.baseline();
    Some(median(scan.last_chunk::<3>()?) / median(scan.first_chunk::<3>()?))
}

fn crowned(report: &Report) -> String {
    match (winner(report), report.verdict.ratio) {
        ("", _) | (_, None) => "nobody crowned".to_owned(),
        (id, Some(ratio)) => format!("{id} crowned, {}", times(ratio)),
    }
}

fn times(ratio: Interval) -> String {
    format!("{:.3} times the time [{:.3}, {:.3}]", ratio.estimate, ratio.low, ratio.high)
}

fn verdict(right: bool) -> &'static str {
    if right { "right" } else { "WRONG" }
}
