//! What a set of indexes does to each statement: its plan, and what that plan takes when it runs.

use std::collections::{BTreeMap, BTreeSet};

use pgverse_core::traits::{Question, Workbench};
use pgverse_core::types::{Brief, Change, Operation, StatementId, StatementKind};
use pgverse_core::{Context, Result};

use crate::shared::clock::{
    CUT_OFF, LONG_MS, LONGEST_MS, Patience, SAME_MS, TURNS, difference, patient, times,
};

/// Statements above this many milliseconds are not run in turns: it would take too much.
const VERY_LONG_MS: f64 = 10_000.0;

/// One statement with one parameter set.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) question: Question,
    pub(super) weight: f64,
    pub(super) kind: StatementKind,
    /// Milliseconds without any new index.
    pub(super) base_ms: f64,
    /// Whether it was stopped then.
    stopped: bool,
    /// Tables that its plan names, with those that they are parts of.
    tables: BTreeSet<(String, String)>,
}

/// A plan and its time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) shape: String,
    pub(super) ms: f64,
}

/// Writes that are slower than allowed.
#[derive(Debug)]
pub(super) struct SlowWrites {
    pub(super) cells: Vec<usize>,
    /// What they take, milliseconds together.
    pub(super) ms: f64,
    /// How many times their time they take.
    pub(super) ratio: f64,
    /// All writes, or the statement.
    pub(super) which: String,
}

/// Asks the workbench, each thing once: a plan that was run before is not run again.
#[derive(Debug)]
pub(super) struct Oracle<'a> {
    cx: &'a Context,
    pub(super) bench: &'a dyn Workbench,
    pub(super) brief: &'a Brief,
    pub(super) cells: Vec<Cell>,
    /// Milliseconds of each plan that was run, by cell and shape.
    memo: Vec<BTreeMap<String, f64>>,
    /// Plans that were run in turns with those without any new index.
    sure: BTreeSet<(usize, String)>,
    /// Shapes by cell and the indexes that it may see.
    shapes: BTreeMap<(usize, Vec<String>), String>,
    pub(super) planned: usize,
    pub(super) timed: usize,
}

impl<'a> Oracle<'a> {
    /// Runs the workload once as it is.
    pub(super) async fn open(cx: &'a Context, bench: &'a dyn Workbench, brief: &'a Brief) -> Result<Self> {
        let cells: Vec<Cell> = cells(brief);
        let memo = vec![BTreeMap::new(); cells.len()];
        let mut oracle = Self {
            cx,
            bench,
            brief,
            cells,
            memo,
            sure: BTreeSet::new(),
            shapes: BTreeMap::new(),
            planned: 0,
            timed: 0,
        };
        let ending: Vec<usize> = (0..oracle.cells.len()).filter(|&at| !oracle.cells[at].stopped).collect();
        let now = oracle.run(&Change::default(), &ending, |cell| patient(cell.base_ms)).await?;
        for (&at, ms) in ending.iter().zip(now) {
            oracle.cells[at].base_ms = ms;
        }
        // The first run of all finds cold caches.
        let again: Vec<usize> = ending.into_iter().filter(|&at| oracle.cells[at].base_ms < LONG_MS).collect();
        let warm = oracle.run(&Change::default(), &again, |cell| patient(cell.base_ms)).await?;
        for (at, ms) in again.into_iter().zip(warm) {
            oracle.cells[at].base_ms = oracle.cells[at].base_ms.min(ms);
        }
        Ok(oracle)
    }

    /// Reads as they are without any new index.
    pub(super) async fn start(&mut self) -> Result<Vec<Seen>> {
        let all: Vec<usize> = (0..self.cells.len()).collect();
        let shapes = self.shapes(&Change::default(), &all).await?;
        let seen: Vec<Seen> = shapes
            .into_iter()
            .zip(&self.cells)
            .map(|(shape, cell)| Seen { shape, ms: cell.base_ms })
            .collect();
        for (memo, seen) in self.memo.iter_mut().zip(&seen) {
            memo.insert(seen.shape.clone(), seen.ms);
        }
        Ok(seen)
    }

    /// Builds all of a change, and returns its bytes.
    pub(super) async fn build(&self, change: &Change) -> Result<u64> {
        let mut bytes = 0;
        for operation in &change.operations {
            bytes += u64::try_from(self.bench.build(self.cx, operation).await?.bytes).unwrap_or(0);
        }
        Ok(bytes)
    }

    /// Reads that may see a change of these tables, and the writes that it is meant to help: what triggers do is in
    /// no plan.
    pub(super) fn readers(&self, change: &Change, meant: &[&StatementId]) -> Vec<usize> {
        let helped = |at: &usize| {
            self.cells[*at].kind == StatementKind::Write
                && meant.contains(&&self.cells[*at].question.statement)
        };
        let mut readers = self.touching(change, StatementKind::Read);
        readers.extend((0..self.cells.len()).filter(helped));
        readers
    }

    /// Writes, if the change is on a table that one of them names.
    pub(super) fn writers(&self, change: &Change) -> Vec<usize> {
        self.touching(change, StatementKind::Write)
    }

    fn touching(&self, change: &Change, kind: StatementKind) -> Vec<usize> {
        let catalog = &self.brief.catalog;
        let tables: BTreeSet<_> = change.operations.iter().flat_map(|o| o.tables(catalog)).collect();
        let touches = |cell: &Cell| cell.kind == kind && !cell.tables.is_disjoint(&tables);
        (0..self.cells.len()).filter(|&at| touches(&self.cells[at])).collect()
    }

    /// What differs from `before` among these reads under a change. A plan that was never run is run; it is cut off
    /// when it takes much longer than before.
    pub(super) async fn look(
        &mut self,
        change: &Change,
        readers: &[usize],
        before: &[Seen],
    ) -> Result<Vec<(usize, Seen)>> {
        let shapes = self.shapes(change, readers).await?;
        let changed: Vec<(usize, String)> =
            readers.iter().copied().zip(shapes).filter(|(at, shape)| before[*at].shape != *shape).collect();
        let unknown: Vec<usize> = changed
            .iter()
            .filter(|(at, shape)| !self.memo[*at].contains_key(shape))
            .map(|(at, _)| *at)
            .collect();
        let ms = self.run_beside(change, &unknown, before).await?;
        for (at, ms) in unknown.into_iter().zip(ms) {
            if let Some((_, shape)) = changed.iter().find(|(changed, _)| *changed == at) {
                self.memo[at].insert(shape.clone(), ms);
            }
        }
        let known = |(at, shape): (usize, String)| {
            let ms = self.memo[at].get(&shape).copied().unwrap_or(f64::INFINITY);
            (at, Seen { shape, ms })
        };
        Ok(changed.into_iter().map(known).collect())
    }

    /// Runs plans once more, in turns with those without any new index: a busy machine slows both, a bad plan slows one.
    /// What each takes is then told by the ratio of the two. None is run in turns twice.
    pub(super) async fn look_again(&mut self, change: &Change, plans: &mut [(usize, Seen)]) -> Result<()> {
        let again = |(at, seen): &&mut (usize, Seen)| {
            turns(&self.cells[*at]) > 0 && !self.sure.contains(&(*at, seen.shape.clone()))
        };
        let mut plans: Vec<&mut (usize, Seen)> = plans.iter_mut().filter(again).collect();
        let mut best = vec![(f64::INFINITY, f64::INFINITY); plans.len()];
        for turn in 0..TURNS {
            let places: Vec<usize> =
                (0..plans.len()).filter(|&place| turns(&self.cells[plans[place].0]) > turn).collect();
            let cells: Vec<usize> = places.iter().map(|&place| plans[place].0).collect();
            let before = self.run(&Change::default(), &cells, |cell| patient(cell.base_ms)).await?;
            let now = self.run(change, &cells, |cell| cell.base_ms * 2.0 + CUT_OFF.1).await?;
            for (place, (before, now)) in places.into_iter().zip(before.into_iter().zip(now)) {
                best[place] = (best[place].0.min(before), best[place].1.min(now));
            }
        }
        for (plan, (before, now)) in plans.iter_mut().zip(best) {
            let (at, seen) = &mut **plan;
            seen.ms = self.cells[*at].base_ms * now / before.max(SAME_MS);
            self.memo[*at].insert(seen.shape.clone(), seen.ms);
            self.sure.insert((*at, seen.shape.clone()));
        }
        Ok(())
    }

    /// What these writes take under a change, milliseconds each: the better of two runs, since a busy machine slows one.
    pub(super) async fn write_ms(&mut self, change: &Change, writers: &[usize]) -> Result<Vec<f64>> {
        let first = self.run(change, writers, |cell| patient(cell.base_ms)).await?;
        let second = self.run(change, writers, |cell| patient(cell.base_ms)).await?;
        Ok(first.into_iter().zip(second).map(|(a, b)| a.min(b)).collect())
    }

    /// Which of these writes a change makes slower than allowed: all together, or else the slowest single one.
    pub(super) async fn slow_writes(
        &mut self,
        change: &Change,
        writers: &[usize],
        limit: f64,
    ) -> Result<Option<SlowWrites>> {
        let now = self.write_ms(change, writers).await?;
        let cells = |at: &usize| &self.cells[*at];
        let all: f64 = self.weighted(StatementKind::Write).map(|(cell, weight)| cell.base_ms * weight).sum();
        let more: f64 = writers.iter().map(cells).zip(&now).map(|(c, ms)| (ms - c.base_ms) * c.weight).sum();
        let together = if all > 0.0 { 1.0 + more / all } else { 1.0 };
        if together > limit {
            let (cells, ms) = (writers.to_vec(), now.iter().sum());
            return Ok(Some(SlowWrites { cells, ms, ratio: together, which: "writes".to_owned() }));
        }
        let single =
            writers.iter().zip(now).filter(|(at, ms)| difference(cells(at).base_ms, *ms) > limit.ln());
        let ratio = |(at, ms): &(&usize, f64)| ms / cells(at).base_ms.max(SAME_MS);
        let slowest = single.max_by(|a, b| ratio(a).total_cmp(&ratio(b)));
        Ok(slowest.map(|slowest| SlowWrites {
            cells: vec![*slowest.0],
            ms: slowest.1,
            ratio: ratio(&slowest),
            which: cells(slowest.0).question.statement.to_string(),
        }))
    }

    /// The cells of a kind with their weights.
    pub(super) fn weighted(&self, kind: StatementKind) -> impl Iterator<Item = (&Cell, f64)> {
        self.cells.iter().filter(move |c| c.kind == kind).map(|c| (c, c.weight))
    }

    /// Shapes of plans. What is on other tables than those of a statement cannot change its plan: a plan is asked for
    /// once for all sets that differ elsewhere, and without what is elsewhere.
    async fn shapes(&mut self, change: &Change, cells: &[usize]) -> Result<Vec<String>> {
        let near: Vec<Vec<String>> = cells.iter().map(|&at| self.near(change, &self.cells[at])).collect();
        let keys: Vec<(usize, Vec<String>)> = cells.iter().copied().zip(near).collect();
        let unknown: Vec<&(usize, Vec<String>)> =
            keys.iter().filter(|key| !self.shapes.contains_key(key)).collect();
        if !unknown.is_empty() {
            let questions: Vec<Question> =
                unknown.iter().map(|(at, _)| self.cells[*at].question.clone()).collect();
            let asked: Vec<usize> = unknown.iter().map(|(at, _)| *at).collect();
            let change = self.needed(change, &asked);
            self.planned += questions.len();
            let plans = self.bench.plans(self.cx, &change, &questions).await?;
            for ((at, near), plan) in unknown.into_iter().zip(plans) {
                let shape = match self.cells[*at].kind {
                    StatementKind::Read => plan.shape(),
                    // Every index of its tables costs a write, whatever its plan.
                    StatementKind::Write => format!("{}{near:?}", plan.shape()),
                };
                self.shapes.insert((*at, near.clone()), shape);
            }
        }
        Ok(keys.iter().map(|key| self.shapes.get(key).cloned().unwrap_or_default()).collect())
    }

    /// Names of the indexes that a statement may see, in order; all of them for a write, whose triggers may see any.
    fn near(&self, change: &Change, cell: &Cell) -> Vec<String> {
        let sees = |o: &&Operation| {
            cell.kind == StatementKind::Write
                || o.tables(&self.brief.catalog).iter().any(|table| cell.tables.contains(table))
        };
        let mut names: Vec<String> = change.operations.iter().filter(sees).filter_map(name).collect();
        names.sort_unstable();
        names
    }

    /// The change without what none of these cells may see: each index on an expression has statistics that are
    /// gathered anew whenever it is shown.
    fn needed(&self, change: &Change, cells: &[usize]) -> Change {
        let near: BTreeSet<String> =
            cells.iter().flat_map(|&at| self.near(change, &self.cells[at])).collect();
        let seen = |o: &&Operation| name(o).is_none_or(|name| near.contains(&name));
        Change { operations: change.operations.iter().filter(seen).cloned().collect() }
    }

    async fn run_beside(&mut self, change: &Change, cells: &[usize], before: &[Seen]) -> Result<Vec<f64>> {
        let patience = |&at: &usize| {
            let cell = &self.cells[at];
            (at, Patience::beside(before[at].ms, cell.stopped.then_some(cell.base_ms)))
        };
        let patience: Vec<(usize, Patience)> = cells.iter().map(patience).collect();
        let tries: Vec<(usize, f64)> = patience.iter().map(|(at, patience)| (*at, patience.limit)).collect();
        let now = self.tried(change, &tries).await?;
        Ok(patience.into_iter().zip(now).map(|((_, patience), ms)| patience.seen(ms)).collect())
    }

    async fn run(
        &mut self,
        change: &Change,
        cells: &[usize],
        limit: impl Fn(&Cell) -> f64,
    ) -> Result<Vec<f64>> {
        let tries: Vec<(usize, f64)> = cells.iter().map(|&at| (at, limit(&self.cells[at]))).collect();
        self.tried(change, &tries).await
    }

    async fn tried(&mut self, change: &Change, tries: &[(usize, f64)]) -> Result<Vec<f64>> {
        if tries.is_empty() {
            return Ok(Vec::new());
        }
        self.timed += tries.len();
        let cells: Vec<usize> = tries.iter().map(|(at, _)| *at).collect();
        let change = &self.needed(change, &cells);
        let tries = tries.iter().map(|&(at, limit)| (self.cells[at].question.clone(), limit));
        times(self.cx, self.bench, change, tries).await
    }
}

/// How often a plan is run in turns with that without any new index. Once says enough where a run takes long; it says more
/// than the first run, which an index that was just built slows.
fn turns(cell: &Cell) -> usize {
    match cell.base_ms {
        _ if cell.stopped => 0,
        ms if ms < LONG_MS => TURNS,
        ms if ms < VERY_LONG_MS => 1,
        _ => 0,
    }
}

/// Name of a new index.
fn name(operation: &Operation) -> Option<String> {
    match operation {
        Operation::CreateIndex { name, .. } => Some(name.clone()),
        _ => None,
    }
}

fn cells(brief: &Brief) -> Vec<Cell> {
    let mut cells = Vec::new();
    for statement in &brief.workload.statements {
        for set in &statement.parameter_sets {
            let Some(planned) = brief.plans_of(&statement.id).find(|p| p.parameter_set == set.id) else {
                continue;
            };
            let nodes = planned.plan.nodes();
            let named =
                nodes.iter().filter_map(|n| Some((n.schema.as_deref()?, n.relation_name.as_deref()?)));
            let tables = named.filter_map(|(schema, name)| brief.catalog.table(schema, name));
            let tables = tables.flat_map(|t| brief.catalog.upwards(t));
            cells.push(Cell {
                question: Question { statement: statement.id.clone(), parameter_set: set.id.clone() },
                weight: statement.weight_of(set),
                kind: statement.kind,
                base_ms: planned.plan.execution_ms.unwrap_or(LONGEST_MS),
                stopped: planned.cut_off,
                tables: tables.map(|t| (t.schema.clone(), t.name.clone())).collect(),
            });
        }
    }
    cells
}
