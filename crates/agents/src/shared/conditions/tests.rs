use pgverse_core::types::{Catalog, Plan};
use serde_json::json;

use super::*;

fn column(name: &str, type_name: &str) -> serde_json::Value {
    json!({"name": name, "type_name": type_name, "not_null": false, "statistics_target": -1,
           "collation": null, "generated": false, "statistics": null})
}

fn catalog() -> Catalog {
    let table = |name: &str, columns: serde_json::Value| {
        json!({"schema": "public", "name": name, "kind": "table", "rows": 1000.0, "bytes": 1, "columns": columns,
               "indexes": [], "constraints": [], "statistics": [], "activity": {"sequential_scans": 0,
               "index_scans": 0, "inserted": 0, "updated": 0, "hot_updated": 0, "deleted": 0, "live": 0, "dead": 0,
               "modified_since_analyze": 0, "analyzed": true}, "partition_of": null})
    };
    serde_json::from_value(json!({
        "server_version": 150018, "database": "d", "settings": {}, "extensions": [], "available_extensions": [],
        "search_path": ["public"],
        "tables": [
            table("people", json!([column("id", "bigint"), column("email", "character varying(255)"),
                column("code", "character(2)"), column("doc", "jsonb"), column("active", "boolean"),
                column("at", "timestamp with time zone"), column("tags", "text[]")])),
            table("Order Lines", json!([column("id", "bigint"), column("personId", "bigint"), column("total", "numeric")])),
        ]
    }))
    .unwrap()
}

fn plan(aliases: &[(&str, &str)]) -> Plan {
    let scans: Vec<_> = aliases
        .iter()
        .map(|(alias, table)| json!({"Node Type": "Seq Scan", "Relation Name": table, "Schema": "public", "Alias": alias}))
        .collect();
    serde_json::from_value(json!({"Plan": {"Node Type": "Append", "Plans": scans}})).unwrap()
}

fn read(text: &str) -> Conditions {
    let catalog = catalog();
    let plan = plan(&[("u", "people"), ("L", "Order Lines")]);
    Scope::of(&catalog, &plan).conditions(text)
}

fn only(text: &str) -> Predicate {
    let mut conditions = read(text);
    assert_eq!(
        (conditions.all.len(), conditions.any.len(), conditions.opaque),
        (1, 0, 0),
        "{text}: {conditions:?}"
    );
    conditions.all.remove(0)
}

fn key(alias: &str, what: What) -> Key {
    Key { alias: alias.into(), what }
}

fn col(name: &str) -> What {
    What::Column(name.into())
}

#[test]
fn varchar_compared_as_text_is_the_plain_column() {
    let p = only("((u.email)::text = 'O''Neil'::text)");
    assert_eq!(p.on, key("u", col("email")));
    assert_eq!(p.test, Test::Equal(Side::Constant("O'Neil".into())));
}

#[test]
fn a_cast_that_changes_the_value_is_an_expression() {
    let p = only("((u.at)::date = '2025-07-15'::date)");
    assert_eq!(p.on.what, What::Expression("(at)::DATE".into()));
    let p = only("((u.code)::text = 'NZ'::text)");
    assert!(matches!(p.on.what, What::Expression(_)));
}

#[test]
fn expressions_lose_their_alias() {
    let p = only("(lower((u.email)::text) = 'x'::text)");
    assert_eq!(p.on, key("u", What::Expression("lower((email)::TEXT)".into())));
    let p = only("((u.doc ->> 'ref'::text) = 'R1'::text)");
    assert_eq!(p.on.what, What::Expression("doc ->> 'ref'::TEXT".into()));
}

#[test]
fn patterns_and_operators() {
    assert_eq!(
        only("((u.email)::text ~~ '%@gmail.com'::text)").test,
        Test::Like { pattern: Some("%@gmail.com".into()), insensitive: false, negated: false }
    );
    assert!(matches!(
        only("((u.email)::text !~~* 'a%'::text)").test,
        Test::Like { insensitive: true, negated: true, .. }
    ));
    assert_eq!(
        only(r#"(u.doc @> '{"a": 1}'::jsonb)"#).test,
        Test::Operator("@>".into(), Side::Constant(r#"{"a": 1}"#.into()))
    );
    assert!(matches!(only("(u.doc ? 'a'::text)").test, Test::Operator(op, _) if op == "?"));
    assert!(matches!(only("(u.tags && '{a,b}'::text[])").test, Test::Operator(op, _) if op == "&&"));
}

#[test]
fn lists_ranges_nulls_and_booleans() {
    assert_eq!(
        only(r#"((u.email)::text = ANY ('{a,"b,c"}'::text[]))"#).test,
        Test::In(Some(vec!["a".into(), "b,c".into()]))
    );
    let c = read("((u.at >= '2025-01-01 00:00:00+00'::timestamp with time zone) AND (u.at < now()))");
    assert!(matches!(c.all[0].test, Test::Range(Bound::Lower, Side::Constant(_))));
    assert!(matches!(c.all[1].test, Test::Range(Bound::Upper, Side::Unknown)));
    assert_eq!(only("(u.email IS NOT NULL)").test, Test::Null(false));
    assert_eq!(only("u.active").test, Test::Truth(true));
    assert_eq!(only("(NOT u.active)").test, Test::Truth(false));
    assert!(matches!(only("('5'::bigint < u.id)").test, Test::Range(Bound::Lower, _)));
}

#[test]
fn joins_are_seen_from_both_sides_and_mixed_case_is_kept() {
    let c = read(r#"("L"."personId" = u.id)"#);
    assert_eq!(c.all[0].on, key("L", col("personId")));
    assert_eq!(c.all[0].test, Test::Equal(Side::Relation("u".into(), Some("id".into()))));
    assert_eq!(c.all[1].on, key("u", col("id")));
    assert_eq!(c.all[1].test.joins_with(), Some("L"));
    let p = only(r#"(abs("L".total) > '5'::numeric)"#);
    assert_eq!(p.on.what, What::Expression("abs(total)".into()));
    let p = only(r#"(("L"."personId" % '2'::bigint) = 0)"#);
    assert_eq!(p.on.what, What::Expression(r#""personId" % '2'::BIGINT"#.into()));
}

#[test]
fn what_is_not_understood_spoils_nothing_else() {
    let c = read("((u.code = 'NZ'::bpchar) AND (NOT (hashed SubPlan 1)) AND (u.id = $0))");
    assert_eq!((c.all.len(), c.opaque), (2, 1));
    assert_eq!(c.all[1].test, Test::Equal(Side::Unknown));
    assert_eq!(read("(u.at < u.at)").opaque, 1);
    assert_eq!(read("(s.total > 5)").opaque, 1, "an alias that is no table");
}

#[test]
fn disjunctions_keep_their_arms() {
    let c = read("((u.id = 1) OR ((u.email)::text = 'a OR b) AND ('::text))");
    assert_eq!(c.any.len(), 1);
    assert_eq!(c.any[0].arms.len(), 2);
    assert_eq!(c.any[0].arms[1][0].on.what, col("email"));
    assert_eq!(read("((u.id = 1) OR (SubPlan 2))").opaque, 1);
}

#[test]
fn rows_are_compared_by_their_first_column() {
    let p = only("(ROW(u.at, u.id) > ROW('2025-01-01'::date, '5'::bigint))");
    assert_eq!(p.on.what, col("at"));
    assert!(matches!(p.test, Test::Range(Bound::Lower, Side::Constant(_))));
    assert_eq!(read("(ROW(u.at, u.id) = ROW('2025-01-01'::date, '5'::bigint))").opaque, 1);
}

#[test]
fn order_keys() {
    let catalog = catalog();
    let plan = plan(&[("u", "people"), ("L", "Order Lines")]);
    let scope = Scope::of(&catalog, &plan);
    let key = scope.order_key(r#""L".total DESC NULLS LAST"#).unwrap();
    assert!(key.descending);
    assert_eq!(key.nulls_first, Some(false));
    assert_eq!(scope.order_key("u.at DESC").unwrap().nulls_first, None);
    assert_eq!(scope.order_key("(sum(\"L\".total)) DESC"), None);
    assert_eq!(
        scope.key("(lower((u.email)::text))").unwrap().what,
        What::Expression("lower((email)::TEXT)".into())
    );
}

#[test]
fn one_relation_needs_no_alias() {
    let catalog = catalog();
    let plan = plan(&[("people", "people")]);
    let scope = Scope::of(&catalog, &plan);
    let mut columns = std::collections::BTreeSet::new();
    assert!(scope.columns_in("people", "sum(id)", &mut columns));
    assert!(scope.columns_in("people", "(lower((people.email)::text) = 'at'::text)", &mut columns));
    assert_eq!(columns.into_iter().collect::<Vec<_>>(), ["email", "id"]);
    assert!(!scope.columns_in("people", "people.*", &mut Default::default()));
    assert_eq!(scope.conditions("(id = 3)").all[0].on.what, What::Column("id".into()));
}

#[test]
fn text_helpers() {
    assert_eq!(conjuncts("((a) = (b))"), ["(a) = (b)"]);
    assert_eq!(conjuncts("(('x AND y' = a) AND (b))"), ["'x AND y' = a", "b"]);
    assert_eq!(conjuncts(r"((a = E'\' AND ') AND (b))"), [r"a = E'\' AND '", "b"]);
    assert_eq!(array_elements("{}"), Some(vec![]));
    assert_eq!(array_elements(r#"{a,"b\"c"}"#), Some(vec!["a".into(), "b\"c".into()]));
    assert_eq!(array_elements("{{1},{2}}"), None);
    assert_eq!(readable("lower((email)::TEXT) = 'x'::TEXT"), "lower(email) = 'x'");
    assert_eq!(readable("(a || b)::TEXT"), "(a || b)");
}
