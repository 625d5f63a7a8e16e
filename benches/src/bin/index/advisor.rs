//! Our own agent, with a budget and the time that it has in a competition.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use pgverse::agents::index::IndexAgent;
use pgverse::traits::{Agent, Probe, Question, Sample, TryOut, Workbench};
use pgverse::types::{Brief, Change, Operation, OperationCost, Plan, TableKind};
use pgverse::{Context, Result};

use crate::Options;
use crate::sets::Set;

/// Bytes.
const MEGABYTE: u64 = 1_000_000;

/// The storage that a set may take.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Budget {
    /// Of the tables' size.
    Percent(u32),
    Megabytes(u32),
}

impl FromStr for Budget {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        match text.strip_suffix("MB") {
            Some(megabytes) => megabytes.parse().map(Self::Megabytes),
            None => text.parse().map(Self::Percent),
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent} %"),
            Self::Megabytes(megabytes) => write!(f, "{megabytes} MB"),
        }
    }
}

impl Budget {
    /// Bytes, if it is not a share.
    pub(crate) fn absolute(self) -> Option<u64> {
        match self {
            Self::Percent(_) => None,
            Self::Megabytes(megabytes) => Some(u64::from(megabytes) * MEGABYTE),
        }
    }

    fn bytes(self, brief: &Brief) -> u64 {
        let tables = brief.catalog.tables.iter().filter(|t| t.kind == TableKind::Table);
        match self {
            Self::Percent(percent) => tables.map(|t| t.bytes).sum::<u64>() / 100 * u64::from(percent),
            Self::Megabytes(megabytes) => u64::from(megabytes) * MEGABYTE,
        }
    }
}

/// What the agent proposes first within a budget.
pub(crate) async fn ours(
    cx: &Context,
    probe: &dyn Probe,
    brief: &Brief,
    budget: Budget,
    options: &Options,
) -> Result<Set> {
    let limited =
        Limited { probe, begin: Instant::now(), whole: options.advisor_seconds, spent: Mutex::default() };
    let agent = IndexAgent::default().with_budget(budget.bytes(brief));
    let proposed = agent.propose(cx, &limited, brief).await?;
    let (seconds, spent) = (limited.seconds(), limited.spent());
    let mut set = Set::new(&format!("ours {budget}"), Change::default());
    if let Some(first) = proposed.into_iter().next() {
        set.change = first.change;
        set.rationale = first.rationale;
    }
    set.advisor_seconds = Some(seconds);
    println!(
        "{}: {} indexes in {seconds:.0} s: {:.0} s of building, {} plans by {} calls in {:.0} s, {} runs by {} \
         calls in {:.0} s",
        set.name,
        set.change.operations.len(),
        spent.built,
        spent.planned.number,
        spent.planned.calls,
        spent.planned.seconds,
        spent.run.number,
        spent.run.calls,
        spent.run.seconds,
    );
    Ok(set)
}

/// The workbench with a clock of its own. What an earlier budget built costs this one its time all the same.
#[derive(Debug)]
struct Limited<'a> {
    probe: &'a dyn Probe,
    begin: Instant,
    whole: f64,
    spent: Mutex<Spent>,
}

/// Where an advisor's time goes.
#[derive(Debug, Default, Clone, Copy)]
struct Spent {
    /// Seconds of building that were not spent again.
    saved: f64,
    built: f64,
    planned: Asked,
    run: Asked,
}

#[derive(Debug, Default, Clone, Copy)]
struct Asked {
    calls: usize,
    number: usize,
    seconds: f64,
}

impl Asked {
    fn add(&mut self, number: usize, begin: Instant) {
        self.calls += 1;
        self.number += number;
        self.seconds += begin.elapsed().as_secs_f64();
    }
}

impl Limited<'_> {
    fn spent(&self) -> Spent {
        *self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, note: impl FnOnce(&mut Spent)) {
        note(&mut self.spent.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn seconds(&self) -> f64 {
        self.begin.elapsed().as_secs_f64() + self.spent().saved
    }

    fn inner(&self) -> Result<&dyn Workbench> {
        self.probe.workbench().ok_or_else(|| pgverse::Error::internal("there is no workbench"))
    }
}

#[async_trait]
impl Probe for Limited<'_> {
    async fn query(&self, cx: &Context, sql: &str) -> Result<Vec<serde_json::Value>> {
        self.probe.query(cx, sql).await
    }

    async fn explain(&self, cx: &Context, sql: &str, values: &[Option<String>]) -> Result<Plan> {
        self.probe.explain(cx, sql, values).await
    }

    fn workbench(&self) -> Option<&dyn Workbench> {
        Some(self)
    }
}

#[async_trait]
impl Workbench for Limited<'_> {
    fn seconds_left(&self) -> f64 {
        (self.whole - self.seconds()).max(0.0)
    }

    async fn build(&self, cx: &Context, operation: &Operation) -> Result<OperationCost> {
        let begin = Instant::now();
        let cost = self.inner()?.build(cx, operation).await?;
        let took = begin.elapsed().as_secs_f64();
        self.note(|spent| {
            spent.saved += (cost.seconds - took).max(0.0);
            spent.built += cost.seconds;
        });
        Ok(cost)
    }

    async fn plans(&self, cx: &Context, change: &Change, questions: &[Question]) -> Result<Vec<Plan>> {
        let begin = Instant::now();
        let plans = self.inner()?.plans(cx, change, questions).await?;
        self.note(|spent| spent.planned.add(questions.len(), begin));
        Ok(plans)
    }

    async fn times(&self, cx: &Context, change: &Change, tries: &[TryOut]) -> Result<Vec<Sample>> {
        let begin = Instant::now();
        let samples = self.inner()?.times(cx, change, tries).await?;
        self.note(|spent| spent.run.add(tries.len(), begin));
        Ok(samples)
    }
}
