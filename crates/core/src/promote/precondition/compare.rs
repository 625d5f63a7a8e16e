//! Tables as they were measured against tables as they are.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use crate::promote::journal::PromotionRecord;
use crate::types::{Catalog, IndexPartition, ObjectFacts, Operation, PromotionPlan, TableKind};

/// Factor by which the rows of a table may have grown or shrunk.
const ROWS_FACTOR: f64 = 2.0;

/// Rows that any table may have gained or lost: small tables change by large factors.
const ROWS_SLACK: f64 = 10_000.0;

/// Factor by which the bytes of a table may differ without a word; a fork that was copied by dump has no bloat.
const BYTES_FACTOR: f64 = 3.0;

/// Bytes below which no word is lost on a difference.
const BYTES_SLACK: f64 = 64.0 * 1024.0 * 1024.0;

/// Names that the plan itself adds or takes away.
struct Own {
    names: BTreeSet<String>,
}

impl Own {
    fn of(plan: &PromotionPlan) -> Self {
        let mut names = BTreeSet::new();
        for step in &plan.steps {
            match &step.operation {
                Operation::CreateIndex { name, partitions, .. }
                | Operation::DropIndex { name, partitions, .. } => {
                    names.insert(name.clone());
                    parts(partitions.as_deref().unwrap_or_default(), &mut names);
                }
                Operation::CreateStatistics { name, .. } | Operation::AddConstraint { name, .. } => {
                    names.insert(name.clone());
                }
                _ => {}
            }
        }
        Self { names }
    }
}

fn parts(partitions: &[IndexPartition], names: &mut BTreeSet<String>) {
    for part in partitions {
        names.insert(part.name.clone());
        parts(part.partitions.as_deref().unwrap_or_default(), names);
    }
}

/// Every table of the plan's grounds.
pub(super) fn objects(
    catalog: &Catalog,
    plan: &PromotionPlan,
    unfinished: Option<&PromotionRecord>,
) -> Vec<Check> {
    let own = unfinished.map(|_| Own::of(plan));
    plan.grounds.objects.iter().flat_map(|expected| object(catalog, expected, own.as_ref())).collect()
}

fn object(catalog: &Catalog, expected: &ObjectFacts, own: Option<&Own>) -> Vec<Check> {
    let name = format!("table {}", expected.title());
    let Some(table) = catalog.table(&expected.schema, &expected.name) else {
        return vec![Check::refused(&name, "is gone")];
    };
    let found = ObjectFacts::of(catalog, table);
    let differences = differences(expected, &found, own);
    let mut checks = vec![if differences.is_empty() {
        Check::fine(&name, "is as it was measured")
    } else {
        Check::refused(&name, format!("is not as it was measured: {}", differences.join(", ")))
    }];
    let (then, now) = (expected.rows, found.rows);
    if then >= 0.0
        && now >= 0.0
        && expected.kind == TableKind::Table
        && far(then, now, ROWS_FACTOR, ROWS_SLACK)
    {
        let detail =
            format!("had {then:.0} rows by the planner's estimate when it was measured, and has {now:.0}");
        checks.push(Check::refused(&name, detail));
    }
    #[allow(clippy::cast_precision_loss)] // Sizes to compare.
    let (then, now) = (expected.bytes as f64, found.bytes as f64);
    if far(then, now, BYTES_FACTOR, BYTES_SLACK) {
        let detail = format!("took {then:.0} bytes when it was measured, and takes {now:.0}");
        checks.push(Check::warning(&name, detail));
    }
    checks
}

fn far(then: f64, now: f64, factor: f64, slack: f64) -> bool {
    let (small, large) = if then < now { (then, now) } else { (now, then) };
    large - small > slack && large > small * factor
}

fn differences(expected: &ObjectFacts, found: &ObjectFacts, own: Option<&Own>) -> Vec<String> {
    let mut words = Vec::new();
    if expected.kind != found.kind {
        words.push("it is a relation of another kind".to_owned());
    }
    let maps = [
        ("column", &expected.columns, &found.columns),
        ("constraint", &expected.constraints, &found.constraints),
        ("index", &expected.indexes, &found.indexes),
        ("statistics", &expected.statistics, &found.statistics),
    ];
    for (what, then, now) in maps {
        maps_differ(what, then, now, own, &mut words);
    }
    if expected.partitions != found.partitions {
        words.push("its partitions are others".to_owned());
    }
    words
}

fn maps_differ(
    what: &str,
    then: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
    own: Option<&Own>,
    words: &mut Vec<String>,
) {
    let names: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    for name in names {
        if what != "column" && own.is_some_and(|own| own.names.contains(name)) {
            continue;
        }
        match (then.get(name), now.get(name)) {
            (Some(_), None) => words.push(format!("{what} {name} is gone")),
            (None, Some(_)) => words.push(format!("{what} {name} is new")),
            (Some(a), Some(b)) if a != b => words.push(format!("{what} {name} is another one")),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> ObjectFacts {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>()
        };
        ObjectFacts {
            schema: "s".into(),
            name: "t".into(),
            kind: TableKind::Table,
            rows: 100.0,
            bytes: 8192,
            columns: map(&[("a", "1"), ("b", "2")]),
            constraints: map(&[]),
            indexes: map(&[("t_pkey", "3")]),
            statistics: map(&[]),
            partitions: Vec::new(),
        }
    }

    #[test]
    fn every_difference_is_named() {
        assert!(differences(&facts(), &facts(), None).is_empty());
        let mut now = facts();
        now.columns.remove("a");
        now.columns.insert("b".into(), "other".into());
        now.indexes.insert("extra".into(), "4".into());
        let words = differences(&facts(), &now, None);
        assert_eq!(words, ["column a is gone", "column b is another one", "index extra is new"]);
        let own = Own { names: BTreeSet::from(["extra".to_owned()]) };
        assert_eq!(differences(&facts(), &now, Some(&own)).len(), 2);
    }

    #[test]
    fn only_far_off_sizes_count() {
        assert!(!far(10.0, 9_000.0, ROWS_FACTOR, ROWS_SLACK));
        assert!(!far(1e6, 1.9e6, ROWS_FACTOR, ROWS_SLACK));
        assert!(far(1e6, 2.1e6, ROWS_FACTOR, ROWS_SLACK));
        assert!(far(2.1e6, 1e6, ROWS_FACTOR, ROWS_SLACK));
    }
}
