//! Merging ideas over statements, ordering them, and making candidates of the best.

use std::collections::{BTreeMap, BTreeSet};

use pgverse_core::types::{Brief, Candidate, Change, StatementId};

use super::idea::{Action, Gain, Idea};
use super::spec::Spec;
use crate::shared::names::Names;

/// What an idea is worth beside those that were chosen already, as a share of what it saves alone. So that
/// a second form for the same statements, such as a partial index beside a full one, comes after everything
/// that helps others, but still comes.
const SECOND_FORM: f64 = 0.05;

/// What making a statement instant is worth beside the time that it takes, as a share of the workload. So
/// that one long statement does not leave the short ones without any candidate.
const SPEED_OF_ONE: f64 = 0.02;

/// Keys up to which an index takes over the work of a shorter one.
const MOST_MERGED_KEYS: usize = 3;

/// Merges what is equal or contained, most useful first, at most `limit`.
pub(crate) fn ranked<'a>(brief: &Brief, ideas: Vec<Idea<'a>>, limit: usize) -> Vec<Idea<'a>> {
    let (creates, drops): (Vec<_>, Vec<_>) =
        ideas.into_iter().partition(|i| matches!(i.action, Action::Create(_)));
    let mut pool = contained(equal(creates));
    // Without a plan that it improves an index is only a cost.
    pool.retain(|idea| idea.saved() > 0.0);
    let total = total_ms(brief).max(f64::MIN_POSITIVE);
    let room = limit.saturating_sub(drops.len().min(2));
    let mut covered: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    let mut chosen: Vec<Idea<'a>> = Vec::new();
    while chosen.len() < room {
        let worth = |idea: &Idea<'_>| {
            let gain = |g: &Gain<'_>| {
                let (saved, share) = covered.get(&g.place).copied().unwrap_or_default();
                let more = |now: f64, before: f64| (now - before).max(SECOND_FORM * now);
                more(g.saved, saved) / total + SPEED_OF_ONE * more(g.share, share)
            };
            idea.gains.iter().map(gain).sum::<f64>()
        };
        // The first of equals, so that the order of statements decides and not that of a hash.
        let best = pool
            .iter()
            .enumerate()
            .map(|(at, idea)| (at, worth(idea)))
            .reduce(|a, b| if b.1 > a.1 { b } else { a });
        let Some((at, _)) = best else { break };
        let idea = pool.remove(at);
        for gain in &idea.gains {
            let place = covered.entry(gain.place).or_default();
            *place = (place.0.max(gain.saved), place.1.max(gain.share));
        }
        chosen.push(idea);
    }
    chosen.extend(drops.into_iter().take(2));
    chosen
}

/// Ideas with the same change become one.
pub(super) fn equal(ideas: Vec<Idea<'_>>) -> Vec<Idea<'_>> {
    let mut merged: Vec<Idea<'_>> = Vec::new();
    for idea in ideas {
        match merged.iter_mut().find(|m| same(m, &idea)) {
            Some(target) => absorb(target, idea),
            None => merged.push(idea),
        }
    }
    merged
}

fn same(a: &Idea<'_>, b: &Idea<'_>) -> bool {
    match (&a.action, &b.action) {
        (Action::Create(a), Action::Create(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.within(b) && b.within(a))
        }
        _ => false,
    }
}

/// Statements that a shorter index would serve are served by a longer one that begins with it.
fn contained(mut ideas: Vec<Idea<'_>>) -> Vec<Idea<'_>> {
    let mut at = 0;
    while at < ideas.len() {
        let host = ideas.iter().enumerate().filter(|(other, _)| *other != at).find(|(_, other)| {
            let (Some(small), Some(large)) = (ideas[at].single(), other.single()) else { return false };
            small.within(large) && !large.within(small) && large.keys.len() <= MOST_MERGED_KEYS
        });
        match host.map(|(host, _)| host) {
            Some(host) => {
                let small = ideas.remove(at);
                let host = if host > at { host - 1 } else { host };
                if let Some(spec) = small.single() {
                    let note = format!(
                        "It also serves what {} would serve, which is therefore not proposed.",
                        spec.text()
                    );
                    ideas[host].reasons.push(note);
                }
                absorb(&mut ideas[host], small);
                at = 0;
            }
            None => at += 1,
        }
    }
    ideas
}

fn absorb<'a>(target: &mut Idea<'a>, idea: Idea<'a>) {
    for gain in idea.gains {
        match target.gains.iter_mut().find(|g| g.place == gain.place) {
            Some(known) => {
                known.saved = known.saved.max(gain.saved);
                known.share = known.share.max(gain.share);
            }
            None => target.gains.push(gain),
        }
    }
    for reason in idea.reasons {
        if !target.reasons.contains(&reason) {
            target.reasons.push(reason);
        }
    }
}

/// Candidates with names, titles and the estimate.
pub(crate) fn candidates(brief: &Brief, ideas: &[Idea<'_>]) -> Vec<Candidate> {
    let total = total_ms(brief);
    let mut names = Names::of(&brief.catalog);
    ideas
        .iter()
        .map(|idea| {
            let mut candidate = candidate(idea, &mut names);
            let saved = idea.saved();
            candidate.predicted =
                (total > 0.0 && saved > 0.0).then(|| ((total - saved) / total).clamp(0.01, 1.0));
            candidate
        })
        .collect()
}

fn candidate(idea: &Idea<'_>, names: &mut Names) -> Candidate {
    let (title, change) = match &idea.action {
        Action::Drop { operation, name } => (format!("drop index {name}"), Change::of(operation.clone())),
        Action::Create(specs) => {
            let operations = specs.iter().map(|s| s.operation(names.next(&s.slug()))).collect();
            let titles: Vec<String> = specs.iter().map(title).collect();
            (titles.join(" and "), Change { operations })
        }
    };
    let mut statements: Vec<StatementId> = Vec::new();
    let mut seen = BTreeSet::new();
    for gain in &idea.gains {
        if seen.insert(gain.statement) {
            statements.push(gain.statement.clone());
        }
    }
    Candidate::new(title, change).because(idea.reasons.join("\n")).helping(statements)
}

/// Such as `B-tree on orders (user_id)`.
pub(super) fn title(spec: &Spec<'_>) -> String {
    let kind = match spec.method {
        "btree" => "B-tree",
        "gin" => "GIN",
        "gist" => "GiST",
        "brin" => "BRIN",
        other => other,
    };
    format!("{kind} on {} {}", spec.table.name, spec.text())
}

/// Weighted milliseconds of the workload, as it ran when the plans were taken.
fn total_ms(brief: &Brief) -> f64 {
    brief
        .plans
        .iter()
        .filter_map(|plan| {
            let statement = brief.workload.statement(&plan.statement)?;
            let set = statement.parameter_sets.iter().find(|s| s.id == plan.parameter_set)?;
            Some(statement.weight_of(set) * (plan.plan.execution_ms? + plan.plan.planning_ms.unwrap_or(0.0)))
        })
        .sum()
}
