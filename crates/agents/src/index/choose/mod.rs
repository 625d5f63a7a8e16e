//! Choosing indexes by the clock: candidates are built on the agent's own fork and the statements whose plans they
//! change are run.
//!
//! The set grows as in Extend (Schlosser, Kossmann and Boissier, "Efficient Scalable Multi-Attribute Index Selection
//! Using Recursive Strategies", ICDE 2019): step by step what gains most for its bytes, also in place of a shorter
//! index that it contains. Unlike there, a gain is measured and not estimated, and so are bytes and writes.

mod atoms;
mod describe;
mod grow;
mod oracle;
#[cfg(test)]
mod tests;
mod trim;

use pgverse_core::types::{Brief, Candidate};
use pgverse_core::{Context, Result, traits::Workbench};

use super::idea::Idea;
use atoms::atoms;
use grow::Grower;
use oracle::Oracle;

/// Shares of the whole gain at which a smaller set is proposed too, for those whose limits the whole one breaks.
const NESTED: [f64; 2] = [0.85, 0.5];

/// Storage and the like that a set must keep.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes of all indexes together.
    pub bytes: u64,
    /// Ideas that are tried at the most, best estimate first.
    pub ideas: usize,
}

/// The best sets that could be found in the agent's time, largest gain first; empty if no index makes the workload
/// faster.
pub(super) async fn choose(
    cx: &Context,
    bench: &dyn Workbench,
    brief: &Brief,
    ideas: Vec<Idea<'_>>,
    bounds: Bounds,
) -> Result<Vec<Candidate>> {
    let atoms = atoms(brief, ideas, bounds.ideas);
    if atoms.is_empty() {
        return Ok(Vec::new());
    }
    let oracle = Oracle::open(cx, bench, brief).await?;
    let mut grower = Grower::new(atoms, oracle, bounds.bytes);
    grower.grow().await?;
    tracing::debug!(
        left = bench.seconds_left(),
        plans = grower.oracle.planned,
        runs = grower.oracle.timed,
        "the set is grown"
    );
    if grower.prune().await? {
        // There is room again for what did not fit.
        grower.grow().await?;
        grower.prune().await?;
    }
    grower.swap().await?;
    let whole = grower.within_writes().await?;
    let whole = grower.sure(whole).await?;
    let mut sets = vec![whole];
    for share in NESTED {
        sets.extend(grower.smaller(&sets[0], share).await?);
    }
    sets.dedup_by(|b, a| a.atoms == b.atoms);
    sets.retain(|set| !set.atoms.is_empty());
    tracing::debug!(
        sets = sets.len(),
        plans = grower.oracle.planned,
        runs = grower.oracle.timed,
        "indexes chosen"
    );
    Ok(sets.iter().map(|set| describe::candidate(&grower, set)).collect())
}
