//! From groups to a workload.

use super::collect::{Collector, findings};
use super::group::{Case, Group};
use super::{Format, LeftOut, LogReading, Observed, Options};
use crate::types::{Origin, ParameterSet, StatementId, Workload};
use crate::workload::draft::{Draft, Drafts, Given};
use crate::workload::position::Position;
use crate::workload::split::split;
use crate::workload::stats::reads_system;

/// Shapes that are told of those that are left out.
const MOST_LEFT_OUT: usize = 20;

/// Frequent sets of one statement.
const FREQUENT: usize = 2;

/// The share of calls that the slowest one stands for.
const SLOWEST_SHARE: f64 = 0.05;

#[expect(clippy::cast_precision_loss, reason = "counts of calls")]
pub(super) fn reading(
    collector: &Collector<'_>,
    options: &Options,
    files: Vec<(String, Format)>,
    bytes: u64,
) -> LogReading {
    let span_seconds = collector.span.map_or(0.0, |(first, last)| (last - first) as f64 / 1e3);
    // A log of less than a second tells no rate.
    let minutes = if span_seconds >= 1.0 { span_seconds / 60.0 } else { 1.0 };
    let mut order: Vec<usize> = (0..collector.groups.len()).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&collector.groups[a], &collector.groups[b]);
        b.total_ms.total_cmp(&a.total_ms).then(b.calls.cmp(&a.calls)).then(a.fingerprint.cmp(&b.fingerprint))
    });
    let mut drafts = Drafts::new(&[]);
    let mut statements: Vec<Observed> = Vec::new();
    let mut left_out: Vec<LeftOut> = Vec::new();
    let mut ids: Vec<Option<StatementId>> = vec![None; collector.groups.len()];
    for at in order {
        let group = &collector.groups[at];
        let reason = if statements.len() >= options.most_statements {
            Some(format!("not among the {} that took most time", options.most_statements))
        } else {
            add(&mut drafts, group, minutes).err()
        };
        if let Some(reason) = reason {
            if left_out.len() < MOST_LEFT_OUT {
                let sql = group.example.clone();
                left_out.push(LeftOut { sql, calls: group.calls, total_ms: group.total_ms, reason });
            }
            continue;
        }
        let Some(id) = drafts.statements.last().map(|s| s.id.clone()) else { continue };
        ids[at] = Some(id.clone());
        statements.push(Observed {
            id,
            calls: group.calls,
            timed_calls: group.timed,
            total_ms: group.total_ms,
            mean_ms: (group.timed > 0).then(|| group.total_ms / group.timed as f64),
            p95_ms: group.quantile_ms(0.95),
            max_ms: (group.timed > 0).then_some(group.max_ms),
            plan: group.plan.as_ref().map(|(_, plan)| plan.clone()),
        });
    }
    let repeated = findings(collector)
        .into_iter()
        .map(|(group, finding)| super::Repeated { statement: ids.get(group).cloned().flatten(), ..finding })
        .collect();
    LogReading {
        workload: Workload { statements: drafts.statements },
        statements,
        repeated,
        left_out,
        notes: drafts.notes,
        files,
        bytes,
        entries: collector.entries,
        calls: collector.calls,
        shapes: collector.groups.len(),
        filtered: collector.filtered,
        unnamed: collector.unnamed,
        own: collector.own,
        twins: Vec::new(),
        not_kept: collector.not_kept,
        wrong_encoding: collector.wrong_encoding,
        span_seconds,
        lines_not_understood: collector.lines_not_understood,
        examples: collector.examples.clone(),
    }
}

/// Adds a group as a statement, or says why it is none.
#[expect(clippy::cast_precision_loss, reason = "counts of calls")]
fn add(drafts: &mut Drafts<'_>, group: &Group, minutes: f64) -> Result<(), String> {
    if reads_system(&group.example) {
        return Err("it reads system catalogs".to_owned());
    }
    let template = template(group);
    let text = template.map_or(group.example.as_str(), |case| case.text.as_str());
    let pieces = split(text).map_err(|e| e.to_string())?;
    let [piece] = pieces.as_slice() else {
        return Err(format!("{} statements in one text", pieces.len()));
    };
    let mut draft = Draft::new(piece.text, Position::START);
    draft.name = Some((format!("log_{}", &group.fingerprint[..8]), Position::START));
    draft.weight = Some(group.calls as f64 / minutes);
    let sets = template.map(|case| sets(group, case.template)).unwrap_or_default();
    draft.sets = sets.into_iter().map(|set| Given { set, at: None }).collect();
    drafts.add(draft).map_err(|e| {
        if group.without_values > 0 && e.message().ends_with("no values are given") {
            return "its parameters are not in the log: the server logs them with log_parameter_max_length = -1".to_owned();
        }
        e.message().to_owned()
    })
}

/// A case of the text that most calls share.
fn template(group: &Group) -> Option<&Case> {
    let cases = || group.frequent.iter().chain(&group.slowest);
    let calls = |wanted: u64| cases().filter(|c| c.template == wanted).map(|c| c.count).sum::<u64>();
    cases().max_by_key(|case| (calls(case.template), std::cmp::Reverse(case.template)))
}

/// The sets of values: the most frequent ones, the slowest call's, and those of a call of usual length. The weights
/// are the share of calls that each stands for.
#[expect(clippy::cast_precision_loss, reason = "counts of calls")]
fn sets(group: &Group, template: u64) -> Vec<ParameterSet> {
    let mut sets: Vec<ParameterSet> = Vec::new();
    let fits = |case: &&Case| case.template == template && !case.values.is_empty();
    let calls = group.calls.max(1) as f64;
    let mut frequent: Vec<&Case> = group.frequent.iter().filter(fits).filter(|c| c.certain() > 1).collect();
    frequent.sort_by(|a, b| b.certain().cmp(&a.certain()).then_with(|| a.values.cmp(&b.values)));
    for (number, case) in frequent.iter().take(FREQUENT).enumerate() {
        let name = if number == 0 { "frequent".to_owned() } else { format!("frequent_{}", number + 1) };
        add_set(&mut sets, name, case, case.certain() as f64 / calls);
    }
    if let Some(slowest) = group.slowest.as_ref().filter(fits) {
        add_set(&mut sets, "slowest".to_owned(), slowest, SLOWEST_SHARE);
    }
    let median = group.quantile_ms(0.5).unwrap_or(0.0);
    let distance = |case: &Case| case.ms.map_or(f64::MAX, |ms| (ms - median).abs());
    let others = group.reservoir.iter().chain(&group.frequent).filter(fits);
    let others = others.filter(|case| sets.iter().all(|set| set.values != case.values));
    if let Some(typical) = others.min_by(|a, b| distance(a).total_cmp(&distance(b))) {
        // What the other shares leave.
        let rest = 1.0 - sets.iter().map(|set| set.weight).sum::<f64>();
        add_set(&mut sets, "typical".to_owned(), typical, rest.max(SLOWEST_SHARE));
    }
    sets
}

fn add_set(sets: &mut Vec<ParameterSet>, name: String, case: &Case, weight: f64) {
    if sets.iter().all(|set| set.values != case.values) {
        let values = case.values.clone();
        sets.push(ParameterSet { id: name.into(), values, weight, origin: Origin::Log });
    }
}
