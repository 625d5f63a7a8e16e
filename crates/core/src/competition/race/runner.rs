//! Who races, and what a race needs.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::bench::{Arm, Lab};
use crate::competition::RaceOptions;
use crate::competition::choosing::Choosing;
use crate::competition::screen::{Cell, Impact};
use crate::traits::Benchmarker;
use crate::types::{AgentName, Brief, Candidate, Problem, StatementKind, Trial};

/// A candidate in the race.
#[derive(Debug)]
pub(in crate::competition) struct Runner<'a> {
    pub(in crate::competition) candidate: Candidate,
    pub(in crate::competition) impact: Impact,
    pub(in crate::competition) arm: Arm,
    pub(in crate::competition) trial: Trial,
    /// Runs in the same rounds, for a union that must beat it.
    pub(in crate::competition) rival: Option<Rival>,
    /// The fork that has its change for good, where the change cannot be switched inside a transaction.
    pub(in crate::competition) fork: Option<&'a Lab>,
}

impl<'a> Runner<'a> {
    /// Where it runs.
    pub(in crate::competition) fn lab(&self, track: &Track<'a>) -> &'a Lab {
        self.fork.unwrap_or(track.lab)
    }

    /// Whether a cell that does not end without the change was stopped with it more than once: it counts with the time-out.
    pub(super) fn is_stopped(&self, cell: usize) -> bool {
        let samples = &self.trial.samples[cell];
        samples.baseline_cut_off && samples.cut_offs > 1
    }

    /// What is still raced: what was cut off is decided, and too dear to be run again.
    pub(super) fn raced(&self) -> impl Iterator<Item = usize> {
        self.impact.measured.iter().copied().filter(|&cell| !self.trial.samples[cell].cut_off())
    }
}

/// The best single candidate beside a union.
#[derive(Debug)]
pub(in crate::competition) struct Rival {
    pub(in crate::competition) candidate: Candidate,
    pub(in crate::competition) arm: Arm,
}

/// What a race needs.
#[derive(Debug)]
pub(in crate::competition) struct Track<'a> {
    pub(in crate::competition) lab: &'a Lab,
    pub(in crate::competition) benchmarker: &'a dyn Benchmarker,
    pub(in crate::competition) slot: &'a Arc<Semaphore>,
    /// A round waits for those who choose at a workbench.
    pub(in crate::competition) choosing: &'a Choosing,
    pub(in crate::competition) cells: &'a [Cell<'a>],
    pub(in crate::competition) brief: &'a Brief,
    pub(in crate::competition) baseline: Arm,
    pub(in crate::competition) control: Arm,
    /// Where the control runs: beside a candidate on a fork of its own, on a third one, so that the A/A deviation
    /// holds the difference between forks.
    pub(in crate::competition) control_lab: &'a Lab,
    pub(in crate::competition) problem: &'a Problem,
    pub(in crate::competition) options: &'a RaceOptions,
    pub(in crate::competition) agent: AgentName,
    /// Error rate of one candidate, corrected for many.
    pub(in crate::competition) error_rate: f64,
}

impl Track<'_> {
    /// Tables to which the raced writes of the workload go, by schema and name.
    pub(in crate::competition) fn written(&self, runner: &Runner<'_>) -> BTreeSet<(String, String)> {
        let cells = runner.impact.measured.iter().map(|&cell| self.cells[cell]);
        let named = cells
            .filter(|cell| cell.statement.kind == StatementKind::Write)
            .flat_map(|cell| self.brief.plans_of(&cell.statement.id))
            .flat_map(|planned| planned.plan.nodes())
            .filter(|node| node.node_type == "ModifyTable")
            .filter_map(|node| Some((node.schema.clone()?, node.relation_name.clone()?)));
        let mut written: BTreeSet<(String, String)> = named.collect();
        // What goes to the whole goes to its partitions.
        for table in &self.brief.catalog.tables {
            let above = self.brief.catalog.upwards(table);
            if above.into_iter().any(|t| written.contains(&(t.schema.clone(), t.name.clone()))) {
                written.insert((table.schema.clone(), table.name.clone()));
            }
        }
        written
    }
}
