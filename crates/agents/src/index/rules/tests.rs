use pgverse_core::types::{Brief, Candidate, IndexKey, Operation};
use serde_json::{Value, json};

use crate::index::rank;
use crate::shared::testing::{above, brief, column, foreign_key, index, scan, table};

fn candidates(brief: &Brief) -> Vec<Candidate> {
    let ideas = rank::ranked(brief, super::ideas(brief), 20);
    rank::candidates(brief, &ideas)
}

fn titles(brief: &Brief) -> Vec<String> {
    candidates(brief).into_iter().map(|c| c.title).collect()
}

/// A table of tasks with a mixed-case name and columns of many kinds.
fn tasks() -> Value {
    table(
        "Tasks",
        100_000.0,
        json!([
            column("id", "bigint", -1.0, 0.0, &[]),
            column("ownerId", "bigint", 5000.0, 0.0, &[]),
            column(
                "state",
                "character varying(20)",
                4.0,
                0.0,
                &[("done", 0.9), ("open", 0.02), ("failed", 0.03)]
            ),
            column("title", "text", -0.9, 0.0, &[]),
            column("doc", "jsonb", -0.9, 0.0, &[]),
            column("voucher", "text", 500.0, 0.98, &[]),
            column("due", "timestamp with time zone", -0.9, 0.0, &[]),
        ]),
    )
}

fn read(filter: &str, kept: f64) -> Brief {
    brief(vec![tasks()], vec![("q", "SELECT 1", scan("Tasks", "t", filter, kept, 100_000.0 - kept, 20.0))])
}

#[test]
fn equality_gets_a_btree_with_quoted_names() {
    let brief = read(r#"(t."ownerId" = 7)"#, 20.0);
    let found = candidates(&brief);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        found[0].change.operations[0].apply(),
        [r#"CREATE INDEX pgverse_tasks_ownerid ON public."Tasks" USING btree ("ownerId")"#]
    );
    assert_eq!(found[0].statements, ["q".into()]);
    assert!(found[0].predicted.is_some_and(|p| p < 0.05));
    assert!(found[0].rationale.contains("reads 100000 rows in 20.0 ms and keeps 20 (0.02 %)"));
}

#[test]
fn nothing_is_proposed_where_most_rows_are_kept_or_the_index_exists() {
    assert_eq!(titles(&read("((t.state)::text = 'done'::text)", 90_000.0)), Vec::<String>::new());
    let mut with_index = tasks();
    with_index["indexes"] = json!([index("by_owner", &["ownerId", "due"], false)]);
    let scan = scan("Tasks", "t", r#"(t."ownerId" = 7)"#, 20.0, 99_980.0, 20.0);
    assert_eq!(titles(&brief(vec![with_index], vec![("q", "SELECT 1", scan)])), Vec::<String>::new());
}

#[test]
fn an_index_that_is_not_searched_from_its_first_key_reads_all_entries() {
    let scanned = |condition: &str| {
        let mut tasks = tasks();
        tasks["indexes"] = json!([index("due_state", &["due", "state"], false)]);
        let node = json!({"Node Type": "Index Scan", "Relation Name": "Tasks", "Schema": "public", "Alias": "t",
            "Index Name": "due_state", "Index Cond": condition, "Output": ["t.title"]});
        titles(&brief(vec![tasks], vec![("q", "SELECT 1", above(node, 2_000.0, 9.0, vec![]))]))
    };
    assert_eq!(scanned("((t.state)::text = 'open'::text)"), ["B-tree on Tasks (state) INCLUDE (title)"]);
    assert_eq!(scanned("((t.due > now()) AND ((t.state)::text = 'open'::text))"), Vec::<String>::new());
}

#[test]
fn a_pattern_that_begins_with_a_wildcard_never_gets_a_btree() {
    let mut brief = read("(t.title ~~ '%urgent'::text)", 20.0);
    assert_eq!(titles(&brief), Vec::<String>::new(), "without pg_trgm there is nothing to offer");
    brief.catalog.extensions.push("pg_trgm".into());
    assert_eq!(titles(&brief), ["GIN on Tasks (title gin_trgm_ops)"]);
    let mut frequent = read("(t.title ~~ '%urgent'::text)", 25_000.0);
    frequent.catalog.extensions.push("pg_trgm".into());
    assert_eq!(titles(&frequent), Vec::<String>::new(), "a frequent pattern does not pay");
}

#[test]
fn a_fixed_prefix_gets_the_pattern_class_unless_the_collation_compares_bytes() {
    let mut brief = read("(t.title ~~ 'inv%'::text)", 20.0);
    assert_eq!(titles(&brief), ["B-tree on Tasks (title text_pattern_ops)"]);
    brief.catalog.tables[0].columns[3].collation = Some("C".into());
    assert_eq!(titles(&brief), ["B-tree on Tasks (title)"]);
}

#[test]
fn containment_and_keys_of_jsonb() {
    assert_eq!(titles(&read(r#"(t.doc @> '{"a": 1}'::jsonb)"#, 20.0)), ["GIN on Tasks (doc jsonb_path_ops)"]);
    assert_eq!(titles(&read("(t.doc ? 'a'::text)", 20.0)), ["GIN on Tasks (doc)"]);
    assert_eq!(
        titles(&read("((t.doc ->> 'ref'::text) = 'x'::text)", 20.0)),
        ["B-tree on Tasks ((doc ->> 'ref'))"]
    );
}

#[test]
fn expressions_are_indexed_only_if_immutable() {
    assert_eq!(titles(&read("(lower(t.title) = 'x'::text)", 20.0)), ["B-tree on Tasks ((lower(title)))"]);
    for unstable in [
        "((t.due)::date = '2025-01-01'::date)",
        "(date_trunc('day'::text, t.due) = now())",
        "(to_char(t.due, 'YYYY'::text) = '2025'::text)",
        "(EXTRACT(year FROM t.due) = '2025'::numeric)",
    ] {
        assert_eq!(titles(&read(unstable, 20.0)), Vec::<String>::new(), "{unstable}");
    }
    assert_eq!(
        titles(&read("(((t.due AT TIME ZONE 'UTC'::text))::date = '2025-01-01'::date)", 20.0)).len(),
        1
    );
}

#[test]
fn a_list_of_values_is_an_equality_and_null_is_too() {
    assert_eq!(
        titles(&read("((t.state)::text = ANY ('{open,failed}'::text[]))", 5_000.0)),
        ["B-tree on Tasks (state) INCLUDE (id)"]
    );
    let found = candidates(&read("(t.voucher IS NOT NULL) AND (t.due >= now())", 100.0));
    let partial = found.iter().find(|c| c.title.contains("WHERE")).unwrap();
    assert_eq!(partial.title, "B-tree on Tasks (due) WHERE voucher IS NOT NULL");
}

#[test]
fn of_two_ranges_either_leads_and_the_other_is_tested_in_the_index() {
    let ranges = r#"(t."ownerId" > 4000) AND (t.due >= now()) AND (t.due < now())"#;
    assert_eq!(
        titles(&read(&format!("({ranges})"), 20.0)),
        ["B-tree on Tasks (due, ownerId)", "B-tree on Tasks (ownerId, due)"]
    );
    let mut of_one_state = read(&format!("({ranges} AND ((t.state)::text = 'open'::text))"), 20.0);
    of_one_state.workload.statements[0].sql = "SELECT 1 WHERE state = 'open'".into();
    let found = titles(&of_one_state);
    for expected in
        ["(due, ownerId) WHERE", "(ownerId, due) WHERE", "(state, due, ownerId)", "(state, ownerId, due)"]
    {
        assert!(found.iter().any(|title| title.contains(expected)), "{found:?}");
    }
}

#[test]
fn either_arm_of_an_or_needs_its_index() {
    let found = candidates(&read(r#"((t."ownerId" = 7) OR (t.voucher = 'V1'::text))"#, 25.0));
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].title,
        "B-tree on Tasks (ownerId) and B-tree on Tasks (voucher) WHERE voucher IS NOT NULL"
    );
    assert_eq!(found[0].change.operations.len(), 2);
    assert_eq!(
        titles(&read(r#"((t."ownerId" = 7) OR (t.title ~~ '%x%'::text))"#, 25.0)),
        Vec::<String>::new()
    );
}

fn sorted(filter: &str, sql: &'static str) -> Brief {
    let scan = scan("Tasks", "t", filter, 2_000.0, 98_000.0, 20.0);
    let sort = above(json!({"Node Type": "Sort", "Sort Key": ["t.due DESC"]}), 10.0, 5.0, vec![scan]);
    brief(vec![tasks()], vec![("q", sql, above(json!({"Node Type": "Limit"}), 10.0, 0.0, vec![sort]))])
}

#[test]
fn equality_comes_before_the_order_and_a_queue_may_be_partial() {
    let sql = "SELECT id FROM t WHERE state = 'open' ORDER BY due DESC LIMIT 10";
    let found = titles(&sorted("((t.state)::text = 'open'::text)", sql));
    assert_eq!(found, ["B-tree on Tasks (state, due)", "B-tree on Tasks (due) WHERE state = 'open'"]);
    // Never an index on the order alone: 'open' may stand at its far end.
    assert!(!found.iter().any(|t| t == "B-tree on Tasks (due)"));
}

#[test]
fn paging_by_key_follows_the_order() {
    let mut scan =
        scan("Tasks", "t", "(ROW(t.due, t.id) < ROW(now(), '5'::bigint))", 50_000.0, 50_000.0, 20.0);
    scan["Output"] = json!(["t.id", "t.due"]);
    let sort =
        above(json!({"Node Type": "Sort", "Sort Key": ["t.due DESC", "t.id DESC"]}), 10.0, 5.0, vec![scan]);
    let limit = above(json!({"Node Type": "Limit"}), 10.0, 0.0, vec![sort]);
    assert_eq!(titles(&brief(vec![tasks()], vec![("q", "SELECT 1", limit)])), ["B-tree on Tasks (due, id)"]);
}

#[test]
fn the_nearest_get_an_index_for_any_place() {
    let mut places = tasks();
    places["columns"].as_array_mut().unwrap().push(column("Place", "point", -1.0, 0.0, &[]));
    let by = |key: &str| {
        let scan = scan("Tasks", "t", "", 100_000.0, 0.0, 20.0);
        let sort = above(json!({"Node Type": "Sort", "Sort Key": [key]}), 10.0, 5.0, vec![scan]);
        let limit = above(json!({"Node Type": "Limit"}), 10.0, 0.0, vec![sort]);
        titles(&brief(vec![places.clone()], vec![("q", "SELECT 1", limit)]))
    };
    assert_eq!(by("((t.\"Place\" <-> '(5,5)'::point))"), ["GiST on Tasks (Place)"]);
    // The farthest first is no order of the index, and a number has no such index.
    for key in ["((t.\"Place\" <-> '(5,5)'::point)) DESC", "((t.\"ownerId\" <-> 5))"] {
        let found = by(key);
        assert!(!found.iter().any(|title| title.contains("GiST") || title.contains("<->")), "{found:?}");
    }
}

#[test]
fn a_parameter_gives_no_partial_index() {
    let sql = "SELECT id FROM t WHERE state = $1 ORDER BY due DESC LIMIT 10";
    assert_eq!(titles(&sorted("((t.state)::text = 'open'::text)", sql)), ["B-tree on Tasks (state, due)"]);
}

fn owners() -> Value {
    table(
        "owners",
        5_000.0,
        json!([column("id", "bigint", -1.0, 0.0, &[]), column("name", "text", -1.0, 0.0, &[])]),
    )
}

#[test]
fn a_correlated_subplan_gets_key_and_value() {
    let mut inner = scan("Tasks", "t", r#"(t."ownerId" = o.id)"#, 20.0, 99_980.0, 20.0);
    inner["Actual Loops"] = json!(50);
    let mut subplan =
        above(json!({"Node Type": "Aggregate", "Output": ["max(t.due)"]}), 1.0, 0.0, vec![inner]);
    subplan["Parent Relationship"] = json!("SubPlan");
    subplan["Actual Loops"] = json!(50);
    let mut outer = scan("owners", "o", "(o.name = 'x'::text)", 50.0, 4_950.0, 1010.0);
    outer["Plans"] = json!([subplan]);
    let found = candidates(&brief(vec![tasks(), owners()], vec![("q", "SELECT 1", outer)]));
    assert_eq!(found[0].title, "B-tree on Tasks (ownerId, due)");
    assert!(found[0].rationale.contains("runs 50 times"));
    // The time of the sub-plan is not charged to the outer scan.
    assert!(found.iter().all(|c| !c.title.contains("owners")), "{found:#?}");
}

#[test]
fn few_outer_rows_get_an_index_on_the_join_column() {
    let join = |outer: f64| {
        let hash = json!({"Node Type": "Hash Join", "Hash Cond": r#"(t."ownerId" = o.id)"#, "Join Type": "Inner",
            "Output": ["t.id", "t.title", "t.doc"]});
        let inner = scan("owners", "o", "(o.name = 'x'::text)", outer, 5_000.0 - outer, 0.1);
        let plan = above(hash, outer * 20.0, 10.0, vec![scan("Tasks", "t", "", 100_000.0, 0.0, 20.0), inner]);
        titles(&brief(vec![tasks(), owners()], vec![("q", "SELECT 1", plan)]))
    };
    assert!(join(3.0).contains(&"B-tree on Tasks (ownerId)".to_owned()));
    assert!(!join(4_000.0).iter().any(|t| t.contains("ownerId)")), "most of the table is read anyway");
}

#[test]
fn a_delete_of_the_referenced_row_needs_the_foreign_key_indexed() {
    let mut tasks = tasks();
    tasks["constraints"] = json!([foreign_key("tasks_owner_fkey", "ownerId", "owners")]);
    let delete = json!({"Node Type": "ModifyTable", "Operation": "Delete", "Relation Name": "owners", "Schema": "public",
        "Alias": "owners", "Plans": [{"Node Type": "Index Scan", "Relation Name": "owners", "Schema": "public",
        "Alias": "owners", "Plan Rows": 30, "Index Cond": "(owners.id < 30)"}]});
    let brief = brief(vec![tasks, owners()], vec![("w", "DELETE FROM owners WHERE id < 30", delete)]);
    let found = candidates(&brief);
    assert_eq!(found[0].title, "B-tree on Tasks (ownerId)");
    assert!(found[0].rationale.contains("tasks_owner_fkey"));
}

#[test]
fn a_whole_table_sort_gets_a_covering_index_in_mixed_order() {
    let mut scan = scan("Tasks", "t", "", 100_000.0, 0.0, 20.0);
    scan["Output"] = json!(["t.\"ownerId\"", "t.due", "t.id"]);
    let sort = json!({"Node Type": "Sort", "Sort Key": ["t.\"ownerId\"", "t.due DESC"], "Output": ["t.\"ownerId\"", "t.due", "t.id"]});
    let brief = brief(vec![tasks()], vec![("q", "SELECT 1", above(sort, 100_000.0, 80.0, vec![scan]))]);
    assert_eq!(titles(&brief), ["B-tree on Tasks (ownerId, due DESC) INCLUDE (id)"]);
}

#[test]
fn a_whole_table_that_is_read_by_an_index_gets_one_that_holds_every_column() {
    let grouped = |rows: f64| {
        let mut tasks = tasks();
        tasks["indexes"] = json!([index("owners", &["ownerId", "id"], true)]);
        let scan = json!({"Node Type": "Index Scan", "Relation Name": "Tasks", "Schema": "public", "Alias": "t",
            "Index Name": "owners", "Output": ["t.\"ownerId\"", "t.due"]});
        let group = json!({"Node Type": "Aggregate", "Group Key": ["t.\"ownerId\""], "Output": ["t.\"ownerId\"", "sum(t.due)"]});
        let plan = above(group, 5_000.0, 20.0, vec![above(scan, rows, 80.0, vec![])]);
        titles(&brief(vec![tasks], vec![("q", "SELECT 1", plan)]))
    };
    assert_eq!(grouped(100_000.0), ["B-tree on Tasks (ownerId) INCLUDE (due)"]);
    // It stopped early.
    assert_eq!(grouped(1_000.0), Vec::<String>::new());
}

#[test]
fn shorter_indexes_are_merged_into_longer_ones() {
    let by_owner = scan("Tasks", "t", r#"(t."ownerId" = 7)"#, 20.0, 99_980.0, 20.0);
    let recent = above(
        json!({"Node Type": "Limit"}),
        5.0,
        0.0,
        vec![above(
            json!({"Node Type": "Sort", "Sort Key": ["t.due DESC"]}),
            5.0,
            1.0,
            vec![scan("Tasks", "t", r#"(t."ownerId" = 8)"#, 20.0, 99_980.0, 20.0)],
        )],
    );
    let brief = brief(vec![tasks()], vec![("a", "SELECT 1", by_owner), ("b", "SELECT 2", recent)]);
    let found = candidates(&brief);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].title, "B-tree on Tasks (ownerId, due)");
    assert_eq!(found[0].statements.len(), 2);
}

#[test]
fn a_test_that_the_index_leaves_over_is_charged() {
    // Of the rows in the range only one in fifty has a voucher: an index on the range alone reads them all.
    let found = candidates(&read("((t.voucher IS NOT NULL) AND (t.due >= now()))", 100.0));
    assert_eq!(
        found.iter().map(|c| c.title.as_str()).collect::<Vec<_>>(),
        ["B-tree on Tasks (due) WHERE voucher IS NOT NULL", "B-tree on Tasks (due) INCLUDE (id, voucher)"]
    );
    assert!(found[0].predicted < found[1].predicted);
}

#[test]
fn brin_for_a_large_table_in_physical_order() {
    let mut brief = read("(t.due >= '2025-01-01 00:00:00+00'::timestamp with time zone)", 30_000.0);
    brief.catalog.tables[0].bytes = 64 << 20;
    assert!(!titles(&brief).iter().any(|t| t.contains("BRIN")));
    if let Some(s) = &mut brief.catalog.tables[0].columns[6].statistics {
        s.correlation = Some(0.99);
    }
    assert!(titles(&brief).contains(&"BRIN on Tasks (due)".to_owned()));
}

#[test]
fn duplicates_are_dropped_but_nothing_that_carries_a_promise() {
    let mut tasks = tasks();
    let mut unique = index("u_state", &["state"], true);
    unique["constraint"] = json!("u_state");
    let mut identity = index("identity", &["ownerId"], false);
    identity["replica_identity"] = json!(true);
    tasks["indexes"] = json!([
        index("a", &["ownerId"], false),
        index("b", &["ownerId"], false),
        index("c", &["ownerId", "due"], false),
        unique,
        identity
    ]);
    let update = json!({"Node Type": "ModifyTable", "Operation": "Update", "Relation Name": "Tasks", "Schema": "public",
        "Alias": "Tasks", "Plans": []});
    let brief = brief(vec![tasks], vec![("w", "UPDATE", update)]);
    let found = candidates(&brief);
    let dropped: Vec<&str> = found
        .iter()
        .filter_map(|c| match &c.change.operations[0] {
            Operation::DropIndex { name, .. } => Some(name.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(dropped, ["a", "b"]);
    assert_eq!(found[0].statements, ["w".into()], "the write that becomes cheaper");
}

#[test]
fn partitions_are_indexed_through_their_parent() {
    let mut parent = tasks();
    parent["kind"] = json!("partitioned");
    parent["bytes"] = json!(0);
    parent["rows"] = json!(-1.0);
    let mut part = tasks();
    part["name"] = json!("Tasks_2025");
    part["partition_of"] = json!("public.Tasks");
    let scan = scan("Tasks_2025", "t_1", r#"(t_1."ownerId" = 7)"#, 20.0, 99_980.0, 20.0);
    let found = candidates(&brief(vec![parent, part], vec![("q", "SELECT 1", scan)]));
    assert_eq!(found.len(), 1);
    let Operation::CreateIndex { table, keys, .. } = &found[0].change.operations[0] else {
        panic!("{found:?}")
    };
    assert_eq!((table.as_str(), keys.as_slice()), ("Tasks", [IndexKey::column("ownerId")].as_slice()));
}

#[test]
fn the_proposals_for_a_small_workload() {
    let mut tasks = tasks();
    tasks["constraints"] = json!([foreign_key("tasks_owner_fkey", "ownerId", "owners")]);
    let hash = json!({"Node Type": "Hash Join", "Hash Cond": r#"(t."ownerId" = o.id)"#, "Join Type": "Inner", "Output": ["o.name", "t.title"]});
    let join = above(
        hash,
        60.0,
        10.0,
        vec![
            scan("Tasks", "t", "", 100_000.0, 0.0, 20.0),
            scan("owners", "o", "(o.name = 'x'::text)", 3.0, 4_997.0, 0.5),
        ],
    );
    let queue = sorted("((t.state)::text = 'open'::text)", "").plans.remove(0).plan.root;
    let brief = brief(
        vec![tasks, owners()],
        vec![
            ("of_owner", "SELECT 1", join),
            (
                "queue",
                "SELECT id FROM t WHERE state = 'open' ORDER BY due DESC LIMIT 10",
                serde_json::to_value(queue).unwrap(),
            ),
            (
                "document",
                "SELECT 3",
                scan("Tasks", "t", r#"(t.doc @> '{"a": 1}'::jsonb)"#, 20.0, 99_980.0, 40.0),
            ),
        ],
    );
    insta::assert_snapshot!(serde_json::to_string_pretty(&candidates(&brief)).unwrap());
}
