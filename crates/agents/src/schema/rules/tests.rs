use pgverse_core::types::{Brief, Candidate, Operation};
use serde_json::{Value, json};

use super::{Advice, advice};
use crate::shared::testing::{above, brief, column, scan, table};

fn candidates(brief: &Brief) -> Vec<Candidate> {
    advice(brief).into_iter().map(Advice::into_candidate).collect()
}

fn titles(brief: &Brief) -> Vec<String> {
    candidates(brief).into_iter().map(|c| c.title).collect()
}

fn places() -> Value {
    table(
        "Places",
        100_000.0,
        json!([
            column("id", "bigint", -1.0, 0.0, &[]),
            column("Land", "text", 20.0, 0.0, &[]),
            column("town", "text", 400.0, 0.0, &[]),
            column("at", "timestamp with time zone", -1.0, 0.0, &[]),
        ]),
    )
}

/// A join over a scan that expected `estimated` rows and kept `actual`.
fn joined(filter: &str, estimated: f64, actual: f64) -> Brief {
    let mut inner = scan("Places", "p", filter, actual, 100_000.0 - actual, 20.0);
    inner["Plan Rows"] = json!(estimated);
    let join = json!({"Node Type": "Nested Loop", "Join Type": "Inner"});
    brief(vec![places()], vec![("q", "SELECT 1", above(join, actual, 10.0, vec![inner]))])
}

const TOGETHER: &str = r#"((p."Land" = 'NZ'::text) AND (p.town = 'Oamaru'::text))"#;

#[test]
fn columns_tested_together_get_statistics_together() {
    let found = candidates(&joined(TOGETHER, 10.0, 900.0));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        found[0].change.operations[0].apply(),
        [
            r#"CREATE STATISTICS public.pgverse_places_land_town_stats (dependencies, mcv) ON "Land", town FROM public."Places""#,
            r#"ANALYZE public."Places" ("Land", town)"#
        ]
    );
    assert!(found[0].rationale.contains("expected to keep 10 rows and kept 900, 90 times off"));
    assert_eq!(found[0].predicted, None);
}

#[test]
fn small_errors_and_estimates_that_decide_nothing_are_left_alone() {
    assert_eq!(titles(&joined(TOGETHER, 300.0, 900.0)), Vec::<String>::new());
    assert_eq!(titles(&joined(TOGETHER, 1.0, 20.0)), Vec::<String>::new(), "few rows");
    let mut alone = scan("Places", "p", TOGETHER, 900.0, 99_100.0, 20.0);
    alone["Plan Rows"] = json!(10);
    assert_eq!(titles(&brief(vec![places()], vec![("q", "SELECT 1", alone)])), Vec::<String>::new());
}

#[test]
fn a_scan_that_a_limit_stopped_says_nothing_of_its_estimate() {
    let stopped = |between: &str| {
        let inner = scan("Places", "p", TOGETHER, 60.0, 400.0, 20.0);
        let mut inner = above(inner, 60.0, 20.0, vec![]);
        inner["Plan Rows"] = json!(9_000);
        let sort = above(json!({"Node Type": between, "Sort Key": []}), 60.0, 0.0, vec![inner]);
        let limit = above(json!({"Node Type": "Limit"}), 10.0, 0.0, vec![sort]);
        titles(&brief(vec![places()], vec![("q", "SELECT 1", limit)]))
    };
    assert_eq!(stopped("Nested Loop"), Vec::<String>::new());
    assert_eq!(stopped("Sort").len(), 1, "a sort reads everything first");
}

#[test]
fn one_column_gets_finer_statistics_and_an_expression_its_own() {
    let brief = joined("(p.town = 'Oamaru'::text)", 250.0, 5_000.0);
    let found = candidates(&brief);
    let Operation::SetStatisticsTarget { column, target, previous, .. } = &found[0].change.operations[0]
    else {
        panic!("{found:#?}")
    };
    assert_eq!((column.as_str(), *target, *previous), ("town", 1000, -1));

    let mut fine = brief.clone();
    fine.catalog.tables[0].columns[2].statistics_target = 1000;
    assert_eq!(titles(&fine), Vec::<String>::new());

    let brief = joined("(lower(p.town) = 'oamaru'::text)", 500.0, 5_000.0);
    assert_eq!(titles(&brief), ["statistics on Places (lower(town))"]);
}

#[test]
fn what_is_described_already_is_not_described_again() {
    let mut brief = joined(TOGETHER, 10.0, 900.0);
    brief.catalog.tables[0].statistics.push(pgverse_core::types::ExtendedStatistics {
        schema: "public".into(),
        name: "s".into(),
        columns: vec!["Land".into(), "town".into(), "at".into()],
        definition: String::new(),
    });
    assert_eq!(titles(&brief), Vec::<String>::new());
}

#[test]
fn groups_over_expressions_and_column_pairs() {
    let grouped = |keys: Value, mode: &str| {
        let mut group = above(
            json!({"Node Type": "Aggregate", "Group Key": keys, "Partial Mode": mode}),
            300.0,
            50.0,
            vec![scan("Places", "p", "", 100_000.0, 0.0, 20.0)],
        );
        group["Plan Rows"] = json!(100_000);
        candidates(&brief(vec![places()], vec![("q", "SELECT 1", group)]))
    };
    let found = grouped(json!(["(date_trunc('day'::text, p.at))"]), "Simple");
    assert!(found[0].title.contains("date_trunc"));
    let Operation::CreateStatistics { kinds, .. } = &found[0].change.operations[0] else { panic!() };
    assert!(kinds.is_empty(), "a single expression takes no kinds");
    let found = grouped(json!(["p.\"Land\"", "p.town"]), "Finalize");
    let Operation::CreateStatistics { kinds, columns, .. } = &found[0].change.operations[0] else { panic!() };
    assert_eq!((kinds.as_slice(), columns.len()), (["ndistinct".to_owned()].as_slice(), 2));
    assert!(grouped(json!(["p.\"Land\"", "p.town"]), "Partial").is_empty(), "counts for one worker only");
}

#[test]
fn tables_without_or_with_old_statistics_are_analyzed_first() {
    let mut brief = joined(TOGETHER, 10.0, 900.0);
    brief.catalog.tables[0].activity.modified_since_analyze = 50_000;
    assert_eq!(titles(&brief), ["ANALYZE Places"], "and nothing is built on old statistics");
    brief.catalog.tables[0].activity.modified_since_analyze = 10_000;
    assert_eq!(titles(&brief).len(), 1);
    brief.catalog.tables[0].columns.iter_mut().for_each(|c| c.statistics = None);
    assert_eq!(titles(&brief), ["ANALYZE Places"]);
}

#[test]
fn a_partitioned_table_is_never_analyzed_by_itself() {
    let mut parent = places();
    parent["kind"] = json!("partitioned");
    parent["bytes"] = json!(0);
    parent["columns"].as_array_mut().unwrap().iter_mut().for_each(|c| c["statistics"] = Value::Null);
    let mut part = places();
    part["name"] = json!("Places_1");
    part["partition_of"] = json!("public.Places");
    let read = scan("Places_1", "p", "", 100_000.0, 0.0, 20.0);
    assert_eq!(titles(&brief(vec![parent, part], vec![("q", "SELECT 1", read)])), ["ANALYZE Places"]);
}

fn with_settings(node: Value, settings: &[(&str, &str)]) -> Vec<Candidate> {
    let mut brief = brief(vec![places()], vec![("q", "SELECT 1", node)]);
    brief.catalog.settings.extend(settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    candidates(&brief)
}

fn value(candidates: &[Candidate]) -> Option<&str> {
    candidates.iter().find_map(|c| match &c.change.operations[0] {
        Operation::Setting { value, .. } => Some(value.as_str()),
        _ => None,
    })
}

#[test]
fn work_mem_holds_what_was_spilled_and_not_more() {
    let sort = |kb: f64| {
        let node = json!({"Node Type": "Sort", "Sort Key": ["p.at"], "Sort Method": "external merge", "Sort Space Used": kb});
        above(node, 100_000.0, 90.0, vec![scan("Places", "p", "", 100_000.0, 0.0, 20.0)])
    };
    assert_eq!(value(&with_settings(sort(12_000.0), &[("work_mem", "4MB")])), Some("32MB"));
    assert_eq!(value(&with_settings(sort(4e6), &[("work_mem", "4MB")])), Some("256MB"));
    assert_eq!(value(&with_settings(sort(4e6), &[("work_mem", "1GB")])), None);
    let hash = json!({"Node Type": "Hash", "Hash Batches": 8, "Peak Memory Usage": 4000});
    let hash = above(hash, 10.0, 1.0, vec![scan("Places", "p", "", 100_000.0, 0.0, 20.0)]);
    assert_eq!(
        value(&with_settings(hash.clone(), &[("work_mem", "4MB"), ("hash_mem_multiplier", "2")])),
        Some("16MB")
    );
    let mut one = hash;
    one["Hash Batches"] = json!(1);
    assert_eq!(value(&with_settings(one, &[("work_mem", "4MB")])), None);
}

#[test]
fn random_pages_are_cheap_only_where_all_is_cached() {
    let read = |hits: f64, reads: f64| {
        let mut node = scan("Places", "p", "", 100_000.0, 0.0, 20.0);
        node["Shared Hit Blocks"] = json!(hits);
        node["Shared Read Blocks"] = json!(reads);
        node
    };
    assert_eq!(value(&with_settings(read(50_000.0, 10.0), &[("random_page_cost", "4")])), Some("1.1"));
    assert_eq!(value(&with_settings(read(50_000.0, 9_000.0), &[("random_page_cost", "4")])), None);
    assert_eq!(value(&with_settings(read(50_000.0, 10.0), &[("random_page_cost", "1.1")])), None);
    assert_eq!(value(&with_settings(read(50.0, 0.0), &[("random_page_cost", "4")])), None);
}

#[test]
fn compilation_is_switched_off_where_it_costs_more_than_a_twentieth() {
    let compiled = |ms: f64, jit: &str| {
        let mut brief =
            brief(vec![places()], vec![("q", "SELECT 1", scan("Places", "p", "", 1.0, 99_999.0, 100.0))]);
        brief.catalog.settings.insert("jit".into(), jit.into());
        brief.plans[0].plan.jit =
            serde_json::from_value(json!({"Functions": 9, "Timing": {"Total": ms}})).unwrap();
        candidates(&brief)
    };
    let found = compiled(40.0, "on");
    assert_eq!(value(&found), Some("off"));
    assert_eq!(found[0].predicted, Some(0.6));
    assert_eq!(value(&compiled(2.0, "on")), None);
    assert_eq!(value(&compiled(40.0, "off")), None);
}

#[test]
fn the_advice_for_a_small_workload() {
    let mut brief = joined(TOGETHER, 10.0, 900.0);
    brief.plans[0].plan.jit =
        serde_json::from_value(json!({"Functions": 9, "Timing": {"Total": 12.0}})).unwrap();
    brief.catalog.settings.insert("jit".into(), "on".into());
    insta::assert_snapshot!(serde_json::to_string_pretty(&candidates(&brief)).unwrap());
}
