//! Settings of the planner that do not fit what was seen: the price of a random page, just-in-time
//! compilation.

use pgverse_core::types::{Brief, Operation, SettingScope, StatementId};

use super::{Advice, add, executed};

/// What a random page costs where nearly all pages are in memory; a sequential one costs 1 (PostgreSQL manual,
/// "Planner Cost Constants").
const CACHED_PAGE_COST: f64 = 1.1;

/// Share of blocks found in shared buffers from which data counts as cached.
const CACHED: f64 = 0.99;

/// Fewer blocks than this say nothing.
const FEW_BLOCKS: f64 = 1000.0;

/// Share of the time from which just-in-time compilation is worth a look.
const COSTLY_COMPILATION: f64 = 0.05;

pub(super) fn advice(brief: &Brief) -> Vec<Advice> {
    random_page_cost(brief).into_iter().chain(jit(brief)).collect()
}

fn setting(brief: &Brief, name: &str, value: &str) -> Operation {
    Operation::Setting {
        name: name.to_owned(),
        value: value.to_owned(),
        scope: SettingScope::Database(brief.catalog.database.clone()),
        previous: None,
    }
}

fn random_page_cost(brief: &Brief) -> Option<Advice> {
    let today: f64 = brief.catalog.settings.get("random_page_cost")?.parse().ok()?;
    let (mut hits, mut reads, mut total) = (0.0, 0.0, 0.0);
    for (plan, weight, ms) in executed(brief) {
        hits += plan.plan.root.shared_hit_blocks;
        reads += plan.plan.root.shared_read_blocks;
        total += weight * ms;
    }
    let cached = hits / (hits + reads).max(1.0);
    if today < 2.0 || cached < CACHED || hits < FEW_BLOCKS {
        return None;
    }
    Some(Advice {
        title: format!("random_page_cost = {CACHED_PAGE_COST}"),
        operation: setting(brief, "random_page_cost", &CACHED_PAGE_COST.to_string()),
        reasons: vec![format!(
            "{:.1} % of the {:.0} blocks were found in memory, where a random page costs hardly more than the next one; yet the planner counts {today}, and so avoids indexes that would be faster. It holds for all statements, so every one whose plan changes is measured.",
            100.0 * cached,
            hits + reads
        )],
        // Which plans change is for the planner to say.
        statements: Vec::new(),
        concerns: 0.05 * total,
        predicted: None,
    })
}

fn jit(brief: &Brief) -> Option<Advice> {
    if brief.catalog.settings.get("jit")? != "on" {
        return None;
    }
    let (mut compiling, mut total) = (0.0, 0.0);
    let mut statements: Vec<StatementId> = Vec::new();
    let mut evidence = Vec::new();
    for (plan, weight, ms) in executed(brief) {
        total += weight * ms;
        let Some(jit) = plan.plan.jit.as_ref().and_then(|j| Some((j.functions, j.timing.as_ref()?.total_ms)))
        else {
            continue;
        };
        // Workers compile side by side, and the time is the sum over them.
        let elapsed = (jit.1 / workers(&plan.plan)).min(ms);
        compiling += weight * elapsed;
        add(&mut statements, &plan.statement);
        evidence.push(format!(
            "{}: compiling {:.0} functions took {:.0} ms, all processes together; the statement took {ms:.0} ms.",
            plan.statement, jit.0, jit.1
        ));
    }
    if compiling < COSTLY_COMPILATION * total {
        return None;
    }
    evidence.push(
        "Compilation is done anew for each execution; its price is decided by the estimated cost alone. Without it these statements run interpreted."
            .to_owned(),
    );
    Some(Advice {
        title: "jit = off".to_owned(),
        operation: setting(brief, "jit", "off"),
        reasons: evidence,
        statements,
        concerns: compiling,
        // If interpreting costs no more than running what was compiled.
        predicted: Some(((total - compiling) / total).max(0.01)),
    })
}

/// Processes that took part.
fn workers(plan: &pgverse_core::types::Plan) -> f64 {
    let launched = plan
        .nodes()
        .into_iter()
        .filter_map(|n| n.extra.get("Workers Launched").and_then(serde_json::Value::as_f64))
        .fold(0.0, f64::max);
    launched + 1.0
}
