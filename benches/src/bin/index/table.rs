//! The comparison as a table.

use pgverse::types::{Brief, StatementKind};

use crate::measure::Row;
use crate::sets::Set;

/// A statement counts as faster or slower beyond this ratio and these milliseconds.
const DIFFERENT: (f64, f64) = (1.1, 0.5);

/// One line a set. Ratios above 1 are faster; `writes` above 1 is slower.
pub(crate) fn print(brief: &Brief, sets: &[Set], rows: &[Row], verbose: bool) {
    let Some(none) = sets.iter().position(|s| s.name == "none").and_then(|at| rows.get(at)) else { return };
    let kinds: Vec<StatementKind> =
        brief.workload.statements.iter().flat_map(|s| s.parameter_sets.iter().map(|_| s.kind)).collect();
    let of = |row: &Row, kind: StatementKind| -> Vec<(f64, f64)> {
        let pairs = none.ms.iter().zip(&row.ms).zip(&kinds);
        pairs.filter(|(_, k)| **k == kind).map(|((a, b), _)| (*a, *b)).collect()
    };
    println!(
        "set | changes | unused | MB | build s | advisor s | planner's promise | total | geomean | faster | 1.5x | 2x | 10x | slower | writes"
    );
    for (set, row) in sets.iter().zip(rows) {
        let reads = of(row, StatementKind::Read);
        let faster = reads.iter().filter(|(a, b)| *a > b * DIFFERENT.0 && a - b > DIFFERENT.1).count();
        let slower = reads.iter().filter(|(a, b)| *b > a * DIFFERENT.0 && b - a > DIFFERENT.1).count();
        let times = |ratio: f64| reads.iter().filter(|(a, b)| *a >= b * ratio).count();
        println!(
            "{} | {} | {} | {:.1} | {:.1} | {} | {:.2}x | {:.2}x | {:.2}x | {faster} | {} | {} | {} | {slower} | {:.2}",
            set.name,
            set.change.operations.len(),
            row.unused,
            megabytes(row.bytes),
            row.build_seconds,
            set.advisor_seconds.map_or_else(|| "-".to_owned(), |s| format!("{s:.0}")),
            none.planned / row.planned,
            1.0 / total(&reads),
            geometric_mean(&reads),
            times(1.5),
            times(2.0),
            times(10.0),
            total(&of(row, StatementKind::Write)),
        );
    }
    if verbose {
        for (set, row) in sets.iter().zip(rows) {
            println!("\n{}\n{}", set.name, set.rationale);
            for ((statement, a), b) in brief.workload.statements.iter().zip(&none.ms).zip(&row.ms) {
                println!("  {} {a:.2} -> {b:.2} ms ({:.2}x)", statement.id, a / b);
            }
        }
    }
}

/// Time with the set over time without it.
fn total(pairs: &[(f64, f64)]) -> f64 {
    let (before, now) = pairs.iter().fold((0.0, 0.0), |(x, y), (a, b)| (x + a, y + b));
    if before > 0.0 { now / before } else { 1.0 }
}

#[allow(clippy::cast_precision_loss)] // A number of statements.
fn geometric_mean(pairs: &[(f64, f64)]) -> f64 {
    let sum: f64 = pairs.iter().map(|(a, b)| (a / b).ln()).sum();
    (sum / pairs.len().max(1) as f64).exp()
}

#[allow(clippy::cast_precision_loss)] // Bytes fit a float's 53 bits.
fn megabytes(bytes: i64) -> f64 {
    bytes as f64 / 1e6
}
