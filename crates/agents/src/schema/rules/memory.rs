//! Sorts and hashes that went to disk for want of `work_mem`.

use pgverse_core::types::{Brief, Operation, PlanNode, SettingScope};
use serde_json::Value;

use super::nodes::each;
use super::{Advice, add, executed};

/// More than this for every sort of every session is not for an agent to propose, kilobytes.
const MOST: f64 = 256.0 * 1024.0;

/// Rows take more room in memory than in the temporary file of a sort: a pointer, the head of a tuple and
/// alignment for each.
const SORT_IN_MEMORY: f64 = 2.5;

pub(super) fn advice(brief: &Brief) -> Vec<Advice> {
    let Some(today) = brief.catalog.settings.get("work_mem").and_then(|v| kilobytes(v)) else {
        return Vec::new();
    };
    let multiplier: f64 =
        brief.catalog.settings.get("hash_mem_multiplier").and_then(|v| v.parse().ok()).unwrap_or(1.0);
    let mut evidence = Vec::new();
    let mut statements = Vec::new();
    let (mut most, mut concerns) = (0.0f64, 0.0);
    for (plan, weight, ms) in executed(brief) {
        let mut seen: Option<(f64, String)> = None;
        each(&plan.plan, &mut |visit| {
            let Some((what, need)) = need(visit.node, multiplier) else { return };
            if seen.as_ref().is_none_or(|(known, _)| need > *known) {
                seen = Some((need, what));
            }
        });
        if let Some((need, what)) = seen {
            most = most.max(need);
            evidence.push(format!("{}: {what}.", plan.statement));
            add(&mut statements, &plan.statement);
            // Reading and writing temporary files is a part of the time at most.
            concerns += 0.2 * weight * ms;
        }
    }
    let value = power_of_two(most).min(MOST);
    if evidence.is_empty() || value <= today {
        return Vec::new();
    }
    let text = megabytes(value);
    let sessions = brief.catalog.settings.get("max_connections").map_or("all", String::as_str);
    evidence.push(format!(
        "{text} instead of {} keeps them in memory. Each sort or hash of each of {sessions} connections may take that much, so it holds for this database only; an index that delivers the order needs no memory at all.",
        megabytes(today)
    ));
    vec![Advice {
        title: format!("work_mem = {text}"),
        operation: Operation::Setting {
            name: "work_mem".to_owned(),
            value: text,
            scope: SettingScope::Database(brief.catalog.database.clone()),
            previous: None,
        },
        reasons: evidence,
        statements,
        concerns,
        predicted: None,
    }]
}

/// What a node spilled, and the `work_mem` in kilobytes that would have held it.
fn need(node: &PlanNode, multiplier: f64) -> Option<(String, f64)> {
    let own = |key: &str| node.extra.get(key).and_then(Value::as_f64);
    if node.sort_method.as_deref().is_some_and(|m| m.starts_with("external")) {
        let workers = node.extra.get("Workers").and_then(Value::as_array).into_iter().flatten();
        let used = workers.filter_map(|w| w.get("Sort Space Used")?.as_f64()).chain(own("Sort Space Used"));
        let disk = used.fold(0.0, f64::max);
        return Some((format!("a sort wrote {disk:.0} kB to disk"), disk * SORT_IN_MEMORY));
    }
    if node.node_type == "Hash" && own("Hash Batches")? > 1.0 {
        let total = own("Hash Batches")? * own("Peak Memory Usage")?;
        return Some((
            format!("a hash was split into {:.0} batches", own("Hash Batches")?),
            total / multiplier,
        ));
    }
    if node.node_type == "Aggregate" && own("Disk Usage")? > 0.0 {
        let disk = own("Disk Usage")?;
        return Some((
            format!("a hashed group wrote {disk:.0} kB to disk"),
            (own("Peak Memory Usage")? + disk) / multiplier,
        ));
    }
    None
}

/// The next power of two above, in megabytes, as kilobytes.
fn power_of_two(kilobytes: f64) -> f64 {
    let mut value = 1024.0;
    while value < kilobytes {
        value *= 2.0;
    }
    value
}

fn megabytes(kilobytes: f64) -> String {
    if kilobytes < 1024.0 { format!("{kilobytes:.0}kB") } else { format!("{:.0}MB", kilobytes / 1024.0) }
}

/// A memory setting as `SHOW` prints it.
fn kilobytes(text: &str) -> Option<f64> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let number: f64 = text[..unit].trim().parse().ok()?;
    match text[unit..].trim() {
        "" | "kB" => Some(number),
        "MB" => Some(number * 1024.0),
        "GB" => Some(number * 1024.0 * 1024.0),
        _ => None,
    }
}
