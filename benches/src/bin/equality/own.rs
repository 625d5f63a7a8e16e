//! The corpus of the tests, with figures.

use std::time::Instant;

use pgverse_core::answers::falsify::Falsification;
use pgverse_core::types::{Answers, Change};

use crate::Options;
use crate::corpus::{SCHEMA, pairs};
use crate::lab::{Bed, statement};

/// Prints what each check makes of the corpus.
pub(crate) async fn run(options: &Options) {
    let bed = Bed::of(SCHEMA).await;
    let (mut same, mut differs) = (0_u32, 0_u32);
    let (mut false_same, mut false_differs, mut real_data) = (0_u32, 0_u32, 0_u32);
    let mut needed: Vec<u32> = Vec::new();
    let (mut databases, mut seconds) = (0_u32, 0.0_f64);
    for pair in pairs() {
        let statement = statement(&pair.original, &pair.values);
        let checked = bed.check(&statement, &pair.rewritten).await;
        let begin = Instant::now();
        let tried = bed
            .falsify(&statement, &pair.rewritten, &Change::default(), (options.databases, options.seed))
            .await;
        let took = begin.elapsed().as_secs_f64();
        let refuted = matches!(tried, Falsification::Refuted { .. });
        let accepted = checked.answers == Answers::Same && matches!(tried, Falsification::NotRefuted { .. });
        match &tried {
            Falsification::NotRefuted { databases: n, undecided } => {
                databases += n + undecided;
                seconds += took;
            }
            Falsification::Refuted { databases, .. } => needed.push(*databases),
            Falsification::Impossible { .. } => {}
        }
        if pair.same {
            same += 1;
            false_differs += u32::from(!accepted);
        } else {
            differs += 1;
            false_same += u32::from(accepted);
            real_data += u32::from(checked.answers != Answers::Same);
        }
        if accepted != pair.same || (options.verbose && refuted) {
            println!("{}: {} {}", pair.name, checked.reason, tried.summary());
            if let Falsification::Refuted { counterexample, .. } = &tried {
                println!("{counterexample}");
            }
        }
    }
    needed.sort_unstable();
    println!("corpus: {same} equivalent pairs, {false_differs} called different");
    println!(
        "corpus: {differs} other pairs, {false_same} called the same; caught on ordinary rows alone: {real_data}"
    );
    println!(
        "corpus: databases until refuted: median {}, 90th percentile {}, most {}",
        quantile(&needed, 0.5),
        quantile(&needed, 0.9),
        needed.last().copied().unwrap_or(0)
    );
    println!(
        "corpus: {:.0} databases a second ({databases} in {seconds:.1} s)",
        f64::from(databases) / seconds
    );
}

/// A quantile of sorted numbers.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn quantile(sorted: &[u32], share: f64) -> u32 {
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or(0)
}
