//! Choosing among the forms of a statement by the clock: each is run at the workbench, with the indexes that it wants
//! and alone, beside the text as it is.

use pgverse_core::traits::{Question, Workbench};
use pgverse_core::types::{Brief, Candidate, Change, Operation, Statement};
use pgverse_core::{Context, ErrorKind, Result};

use super::form::Form;
use crate::shared::clock::{LONG_MS, LONGEST_MS, Patience, SAME_MS, TURNS, difference, patient, times};

/// Seconds that are left untouched: what is being tried then still has to end.
const RESERVE: f64 = 15.0;

/// What was found out, and what there was no time for.
#[derive(Debug, Default)]
pub(super) struct Choice<'b> {
    /// The best form of each statement that has one that is faster; those that save most first.
    pub(super) faster: Vec<Chosen>,
    /// What else is faster.
    pub(super) others: Vec<Chosen>,
    /// Forms of statements that do not end, with indexes that take more than is allowed: with these the answers of the
    /// original and of the form without any can be compared.
    pub(super) helpers: Vec<Candidate>,
    /// Statements that were not reached.
    pub(super) untried: Vec<Vec<Form<'b>>>,
}

/// A form that is faster.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) candidate: Candidate,
    /// Weighted milliseconds.
    saved: f64,
    /// Of its indexes.
    pub(super) bytes: u64,
}

#[cfg(test)]
impl Chosen {
    /// A form whose indexes take so many bytes.
    pub(super) fn made_up(candidate: Candidate, bytes: u64) -> Self {
        Self { candidate, saved: 1.0, bytes }
    }
}

/// Tries out the forms, statement by statement, as long as there is time.
pub(super) async fn choose<'b>(
    cx: &Context,
    bench: &dyn Workbench,
    brief: &Brief,
    statements: Vec<Vec<Form<'b>>>,
) -> Result<Choice<'b>> {
    let mut choice = Choice::default();
    for forms in statements {
        let Some(first) = forms.first() else { continue };
        if bench.seconds_left() < RESERVE {
            choice.untried.push(forms);
            continue;
        }
        let trial = Trial::open(cx, bench, brief, first.statement).await?;
        trial.best(&forms, &mut choice).await?;
    }
    for forms in [&mut choice.faster, &mut choice.others] {
        forms.sort_by(|a, b| b.saved.total_cmp(&a.saved));
    }
    Ok(choice)
}

/// One statement at the workbench.
struct Trial<'a> {
    cx: &'a Context,
    bench: &'a dyn Workbench,
    questions: Vec<(Question, f64)>,
    /// Milliseconds of each question as it is.
    base: Vec<f64>,
    /// Which of them did not end, but were stopped then.
    stopped: Vec<bool>,
    /// Bytes that indexes may take.
    storage: Option<u64>,
}

/// A form that was run.
struct Tried<'f, 'b> {
    form: &'f Form<'b>,
    with_indexes: bool,
    /// Of its indexes.
    bytes: u64,
    ms: Vec<f64>,
}

impl<'a> Trial<'a> {
    async fn open(
        cx: &'a Context,
        bench: &'a dyn Workbench,
        brief: &Brief,
        statement: &Statement,
    ) -> Result<Self> {
        let storage = brief.problem.limits.max_storage_bytes;
        let mut trial =
            Self { cx, bench, questions: Vec::new(), base: Vec::new(), stopped: Vec::new(), storage };
        let mut ending = Vec::new();
        for set in &statement.parameter_sets {
            let plan = brief.plans_of(&statement.id).find(|p| p.parameter_set == set.id);
            let known = plan.and_then(|p| p.plan.execution_ms);
            let question = Question { statement: statement.id.clone(), parameter_set: set.id.clone() };
            let stopped = plan.is_some_and(|p| p.cut_off);
            if !stopped {
                ending.push((question.clone(), known.map_or(LONGEST_MS, patient)));
            }
            trial.questions.push((question, statement.weight_of(set)));
            trial.base.push(known.unwrap_or(LONGEST_MS));
            trial.stopped.push(stopped);
        }
        let ran = times(cx, bench, &Change::default(), ending).await?;
        let ending = trial.base.iter_mut().zip(&trial.stopped).filter(|(_, stopped)| !**stopped);
        for ((base, _), ms) in ending.zip(ran) {
            *base = ms;
        }
        Ok(trial)
    }

    async fn run(&self, change: &Change, limits: &[f64]) -> Result<Vec<f64>> {
        let questions = self.questions.iter().map(|(question, _)| question.clone());
        times(self.cx, self.bench, change, questions.zip(limits.iter().copied())).await
    }

    fn weighted(&self, ms: &[f64]) -> f64 {
        self.questions.iter().zip(ms).map(|((_, weight), ms)| weight * ms).sum()
    }

    /// Finds the fastest form within the bound of storage, and the fastest one that needs no index.
    async fn best(&self, forms: &[Form<'_>], choice: &mut Choice<'_>) -> Result<()> {
        let mut tried: Vec<Tried<'_, '_>> = Vec::new();
        for form in forms {
            for with_indexes in form.variants() {
                if self.bench.seconds_left() < RESERVE {
                    break;
                }
                tried.extend(self.attempt(form, with_indexes, &tried).await?);
            }
        }
        tried.sort_by(|a, b| self.weighted(&a.ms).total_cmp(&self.weighted(&b.ms)));
        let fastest = tried.iter().position(|t| !self.is_too_large(t.bytes));
        let alone = tried.iter().position(|t| !t.with_indexes).filter(|at| Some(*at) != fastest);
        let mut found = Vec::new();
        for at in [fastest, alone].into_iter().flatten() {
            let (before, now) = self.again(&tried[at]).await?;
            if difference(before, now) < 0.0 {
                let Tried { form, with_indexes, bytes, .. } = &tried[at];
                let candidate = form.candidate(*with_indexes, Some((before, now)));
                found.push(Chosen { candidate, saved: before - now, bytes: *bytes });
            }
        }
        if !found.is_empty() {
            let helper = tried.iter().find(|t| self.is_too_large(t.bytes));
            choice.helpers.extend(helper.map(|t| t.form.candidate(true, None)));
        }
        let mut found = found.into_iter();
        choice.faster.extend(found.next());
        choice.others.extend(found);
        Ok(())
    }

    fn is_too_large(&self, bytes: u64) -> bool {
        self.storage.is_some_and(|most| bytes > most)
    }

    /// Runs a form; nothing where its indexes cannot be built or the server refuses it.
    async fn attempt<'f, 'b>(
        &self,
        form: &'f Form<'b>,
        with_indexes: bool,
        before: &[Tried<'_, '_>],
    ) -> Result<Option<Tried<'f, 'b>>> {
        let change = form.change(with_indexes);
        // Beside the fastest so far: what is slower has lost.
        let fastest = |at: usize| before.iter().map(|t| t.ms[at]).fold(self.base[at], f64::min);
        let patience = |at: usize| Patience::beside(fastest(at), self.stopped[at].then_some(self.base[at]));
        let patience: Vec<Patience> = (0..self.base.len()).map(patience).collect();
        let limits: Vec<f64> = patience.iter().map(|patience| patience.limit).collect();
        let result: Result<Option<(Vec<f64>, u64)>> = async {
            let mut bytes = 0;
            for operation in change.operations.iter().filter(|o| matches!(o, Operation::CreateIndex { .. })) {
                bytes += u64::try_from(self.bench.build(self.cx, operation).await?.bytes).unwrap_or(0);
            }
            if self.is_too_large(bytes) && !self.stopped.contains(&true) {
                return Ok(None);
            }
            Ok(Some((self.run(&change, &limits).await?, bytes)))
        }
        .await;
        match result {
            Ok(None) => Ok(None),
            Ok(Some((ms, bytes))) => {
                let ms = patience.iter().zip(ms).map(|(patience, ms)| patience.seen(ms)).collect();
                Ok(Some(Tried { form, with_indexes, bytes, ms }))
            }
            Err(error) if matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Connection) => Err(error),
            Err(error) => {
                self.cx.check()?;
                tracing::debug!(statement = %form.statement.id, %error, "a form cannot be tried");
                Ok(None)
            }
        }
    }

    /// Weighted times as it is and in this form, where both are short run once more in turns: a busy machine slows both.
    async fn again(&self, tried: &Tried<'_, '_>) -> Result<(f64, f64)> {
        let (before, now) = (self.weighted(&self.base), self.weighted(&tried.ms));
        if self.base.iter().any(|ms| *ms > LONG_MS) || self.bench.seconds_left() < RESERVE / 2.0 {
            return Ok((before, now));
        }
        let change = tried.form.change(tried.with_indexes);
        let limits: Vec<f64> = self.base.iter().map(|ms| patient(*ms)).collect();
        let (mut old, mut new) = (self.base.clone(), tried.ms.clone());
        for turn in 0..TURNS {
            let base = self.run(&Change::default(), &limits).await?;
            let form = self.run(&change, &limits).await?;
            // The runs before were far apart, and do not count.
            let least = |known: &mut Vec<f64>, ms: Vec<f64>| {
                *known = if turn == 0 { ms } else { known.iter().zip(ms).map(|(a, b)| a.min(b)).collect() };
            };
            least(&mut old, base);
            least(&mut new, form);
        }
        let (old, new) = (self.weighted(&old), self.weighted(&new));
        Ok((before, before * new / old.max(SAME_MS)))
    }
}

#[cfg(test)]
#[path = "choose_tests.rs"]
mod tests;
