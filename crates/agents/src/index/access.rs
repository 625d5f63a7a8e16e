//! What a statement asks of one relation, read from one executed plan.

use std::collections::BTreeSet;

use pgverse_core::types::{Brief, Plan, PlanNode, StatementId, StatementKind, Table};

use crate::shared::conditions::{AnyOf, Key, OrderKey, Predicate, Scope, Side, Test};

/// One scan of a plan with everything above it that concerns its relation.
#[derive(Debug, Clone)]
pub(crate) struct Access<'a> {
    /// Statement.
    pub statement: &'a StatementId,
    /// Its text.
    pub sql: &'a str,
    /// Share of the workload: weight of statement and parameter set.
    pub weight: f64,
    /// The table, or the partitioned table of a partition.
    pub table: &'a Table,
    /// Alias within the plan.
    pub alias: &'a str,
    /// Such as `Seq Scan on orders o`.
    pub node: String,
    /// Tests of the scan itself.
    pub predicates: Vec<Predicate>,
    /// Disjunctions of the scan itself.
    pub any: Vec<AnyOf>,
    /// Joins with other relations, further up.
    pub joins: Vec<Join>,
    /// A sort or group over this relation alone, further up.
    pub order: Option<Order>,
    /// Arguments of `min`, `max` and `count(DISTINCT)` directly above.
    pub arguments: Vec<Key>,
    /// Columns that the statement needs; none if it needs whole rows.
    pub columns: Option<BTreeSet<String>>,
    /// Rows read, over all loops and workers.
    pub scanned: f64,
    /// Rows kept, over all loops and workers.
    pub kept: f64,
    /// How often the scan was started by its parent, workers not counted.
    pub loops: f64,
    /// Milliseconds of the scan, all loops, sub-plans not counted; estimated from costs for a write.
    pub ms: f64,
    /// Milliseconds of the whole plan.
    pub statement_ms: f64,
    /// Whether it reads the whole table.
    pub sequential: bool,
    /// Whether it follows an index that narrows nothing down, and visits the table for every row.
    pub in_order: bool,
    /// Whether the figures were measured.
    pub measured: bool,
    /// Whether trigram indexes can be made: the extension `pg_trgm` is installed.
    pub has_trigrams: bool,
}

/// An equality with a column of another relation.
#[derive(Debug, Clone)]
pub(crate) struct Join {
    /// Column or expression of this relation.
    pub on: Key,
    /// Rows that come from the other side.
    pub other_rows: f64,
    /// Milliseconds of the join itself, without its inputs.
    pub ms: f64,
    /// Such as `Hash Join`.
    pub node: String,
}

/// An order that is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// In order.
    pub keys: Vec<OrderKey>,
    /// Whether the keys may be permuted and reversed, as for a hashed group.
    pub grouping: bool,
    /// Rows after which the reader stops.
    pub limit: Option<f64>,
    /// Rows that are sorted or grouped.
    pub rows: f64,
    /// Milliseconds of sorting or grouping, without the input.
    pub ms: f64,
    /// Milliseconds of everything below that an early end would save.
    pub below_ms: f64,
}

impl Access<'_> {
    /// Share of the rows read that is kept.
    pub(crate) fn fraction(&self) -> f64 {
        if self.scanned > 0.0 { (self.kept / self.scanned).clamp(0.0, 1.0) } else { 1.0 }
    }

    /// Columns needed beyond these, if an index can hold them.
    pub(crate) fn columns_beyond(&self, keys: &[&str]) -> Option<Vec<String>> {
        let needed = self.columns.as_ref()?;
        Some(needed.iter().filter(|c| !keys.contains(&c.as_str())).cloned().collect())
    }
}

/// The accesses of all plans, in the order of the plans.
pub(crate) fn accesses<'a>(brief: &'a Brief) -> Vec<Access<'a>> {
    let ms_per_cost = ms_per_cost(brief);
    let mut found = Vec::new();
    for plan in &brief.plans {
        let Some(statement) = brief.workload.statement(&plan.statement) else { continue };
        let Some(set) = statement.parameter_sets.iter().find(|s| s.id == plan.parameter_set) else {
            continue;
        };
        let scope = Scope::of(&brief.catalog, &plan.plan);
        let mut reader = Reader {
            scope: &scope,
            nodes: plan.plan.nodes(),
            statement: &statement.id,
            sql: &statement.sql,
            weight: statement.weight_of(set),
            ms_per_cost,
            statement_ms: plan.plan.execution_ms.unwrap_or(plan.plan.root.total_cost * ms_per_cost),
            measured: statement.kind == StatementKind::Read,
            has_trigrams: brief.catalog.extensions.iter().any(|e| e == "pg_trgm"),
            found: Vec::new(),
        };
        reader.walk(&plan.plan.root, &mut Vec::new(), 1.0);
        found.append(&mut reader.found);
    }
    found
}

/// Milliseconds for a unit of planner cost: the median over the measured plans, since a few badly estimated
/// ones are off by orders of magnitude. For plans that were not executed.
pub(crate) fn ms_per_cost(brief: &Brief) -> f64 {
    let ratio = |plan: &Plan| {
        plan.execution_ms.filter(|_| plan.root.total_cost > 0.0).map(|ms| ms / plan.root.total_cost)
    };
    let mut ratios: Vec<f64> = brief.plans.iter().filter_map(|p| ratio(&p.plan)).collect();
    ratios.sort_by(f64::total_cmp);
    // Without any measured plan only the order of the candidates depends on it.
    ratios.get(ratios.len() / 2).copied().unwrap_or(0.01)
}

struct Reader<'a, 'b> {
    scope: &'b Scope<'a>,
    nodes: Vec<&'a PlanNode>,
    statement: &'a StatementId,
    sql: &'a str,
    weight: f64,
    ms_per_cost: f64,
    statement_ms: f64,
    measured: bool,
    has_trigrams: bool,
    found: Vec<Access<'a>>,
}

/// A node with the factor that turns its loops, which count every worker, into times it was started.
#[derive(Clone, Copy)]
struct Level<'a> {
    node: &'a PlanNode,
    share: f64,
}

impl<'a> Reader<'a, '_> {
    fn walk(&mut self, node: &'a PlanNode, above: &mut Vec<Level<'a>>, share: f64) {
        let here = Level { node, share };
        if node.relation_name.is_some()
            && node.node_type != "ModifyTable"
            && let Some(access) = self.access(here, above)
        {
            self.found.push(access);
        }
        above.push(here);
        for child in &node.plans {
            // Below a Gather each participant counts as a loop.
            let share = if node.node_type.starts_with("Gather") {
                node.actual_loops.unwrap_or(1.0) / child.actual_loops.unwrap_or(1.0).max(1.0) * share
            } else {
                share
            };
            self.walk(child, above, share);
        }
        above.pop();
    }

    fn access(&self, here: Level<'a>, above: &[Level<'a>]) -> Option<Access<'a>> {
        let node = here.node;
        let alias = node.alias.as_deref()?;
        let table = self.scope.table(alias)?;
        let mut conditions = self.scope.conditions(node.filter.as_deref().unwrap_or("()"));
        // The index condition of a bitmap scan stands one or more levels below, the recheck condition here.
        for text in [&node.index_cond, &node.recheck_cond].into_iter().flatten() {
            let more = self.scope.conditions(text);
            conditions.all.extend(more.all);
            conditions.any.extend(more.any);
        }
        conditions.all.retain(|p| p.on.alias == alias);
        conditions.any.retain(|any| any.arms.iter().flatten().any(|p| p.on.alias == alias));

        let within = within(node, above);

        let rows =
            |n: &PlanNode| n.actual_rows.unwrap_or(n.plan_rows) * n.actual_loops.unwrap_or(1.0).max(1.0);
        let kept = rows(node);
        let removed = match node.actual_loops {
            Some(loops) => node.rows_removed_by_filter * loops,
            None => (table.rows - kept).max(0.0) * f64::from(node.node_type == "Seq Scan"),
        };
        Some(Access {
            statement: self.statement,
            sql: self.sql,
            weight: self.weight,
            table,
            alias,
            node: format!("{} on {}{}", node.node_type, table.name, label(alias, &table.name)),
            joins: self.joins(alias, node, within),
            order: self.order(alias, within),
            arguments: self.arguments(alias, within),
            columns: self.columns(alias, node, within),
            scanned: (kept + removed).max(entries(node, table, &conditions.all)),
            predicates: conditions.all,
            any: conditions.any,
            kept,
            loops: node.actual_loops.unwrap_or(1.0) * here.share,
            ms: self.scan_ms(here),
            statement_ms: self.statement_ms,
            sequential: node.node_type == "Seq Scan",
            in_order: node.node_type == "Index Scan" && node.index_cond.is_none(),
            measured: self.measured,
            has_trigrams: self.has_trigrams,
        })
    }

    /// Milliseconds of a node with everything below it, all loops, elapsed.
    fn ms(&self, level: Level<'_>) -> f64 {
        match (level.node.actual_total_ms, level.node.actual_loops) {
            (Some(ms), Some(loops)) => ms * loops * level.share,
            _ => (level.node.total_cost * self.ms_per_cost).min(self.statement_ms),
        }
    }

    /// Milliseconds of a node without what is below it.
    fn self_ms(&self, level: Level<'_>) -> f64 {
        let below: f64 =
            level.node.plans.iter().map(|node| self.ms(Level { node, share: level.share })).sum();
        (self.ms(level) - below).max(0.0)
    }

    /// Milliseconds of a scan: a bitmap below belongs to it, a sub-plan of its filter does not.
    fn scan_ms(&self, level: Level<'_>) -> f64 {
        let plans = level.node.plans.iter().filter(|n| is_subplan(n));
        let below: f64 = plans.map(|node| self.ms(Level { node, share: level.share })).sum();
        (self.ms(level) - below).max(0.0)
    }

    fn joins(&self, alias: &str, scan: &PlanNode, above: &[Level<'a>]) -> Vec<Join> {
        let mut joins = Vec::new();
        for (at, level) in above.iter().enumerate() {
            let node = level.node;
            let mut seen = BTreeSet::new();
            for text in [&node.hash_cond, &node.merge_cond, &node.join_filter].into_iter().flatten() {
                for p in self.scope.conditions(text).all {
                    if p.on.alias != alias || p.test.joins_with().is_none() || !seen.insert(p.on.clone()) {
                        continue;
                    }
                    let child = above.get(at + 1).map_or(scan, |l| l.node);
                    let other: f64 = node
                        .plans
                        .iter()
                        .filter(|n| !std::ptr::eq(*n, child) && !is_subplan(n))
                        .map(|n| {
                            n.actual_rows.unwrap_or(n.plan_rows) * n.actual_loops.unwrap_or(1.0).max(1.0)
                        })
                        .sum();
                    joins.push(Join {
                        on: p.on,
                        // The server rounds rows for each loop, down to none.
                        other_rows: other.max(1.0),
                        ms: self.self_ms(*level),
                        node: format!("{} {}", node.node_type, node.join_type.as_deref().unwrap_or("")),
                    });
                }
            }
        }
        joins
    }

    /// The nearest sort or group above whose keys are all of this relation.
    fn order(&self, alias: &str, within: &[Level<'a>]) -> Option<Order> {
        let at = within.iter().rposition(|l| !l.node.sort_key.is_empty() || !l.node.group_key.is_empty())?;
        let level = within[at];
        let node = level.node;
        let grouping = node.sort_key.is_empty();
        let keys: Vec<OrderKey> = if grouping {
            let keys = node.group_key.iter().map(|k| self.scope.key(k));
            keys.map(|key| key.map(|key| OrderKey { key, descending: false, nulls_first: None }))
                .collect::<Option<_>>()?
        } else {
            node.sort_key.iter().map(|k| self.scope.order_key(k)).collect::<Option<_>>()?
        };
        if keys.iter().any(|k| k.key.alias != alias) {
            return None;
        }
        // Only what passes rows on one by one may stand between the sort and its limit.
        let limit = within[..at]
            .iter()
            .rev()
            .take_while(|l| l.node.node_type.starts_with("Gather") || l.node.node_type == "Limit")
            .find(|l| l.node.node_type == "Limit")
            .and_then(|l| l.node.plans.first())
            .map(|n| n.actual_rows.unwrap_or(n.plan_rows));
        let input = node.plans.first()?;
        let below_ms = self.ms(Level { node: input, share: level.share });
        Some(Order {
            keys,
            grouping,
            limit,
            rows: input.actual_rows.unwrap_or(input.plan_rows) * input.actual_loops.unwrap_or(1.0),
            ms: (self.ms(level) - below_ms).max(0.0),
            below_ms,
        })
    }

    fn arguments(&self, alias: &str, within: &[Level<'a>]) -> Vec<Key> {
        let mut keys: Vec<Key> = Vec::new();
        for text in within.iter().filter(|l| l.node.node_type == "Aggregate").flat_map(|l| &l.node.output) {
            let text = text.trim_start_matches('(').trim_start_matches("PARTIAL ");
            let Some(argument) = ["min(", "max(", "count(DISTINCT "]
                .iter()
                .find_map(|f| text.strip_prefix(f))
                .map(|rest| rest.trim_end_matches(')'))
            else {
                continue;
            };
            keys.extend(self.scope.key(argument).filter(|k| k.alias == alias && k.column().is_some()));
        }
        keys.dedup();
        keys
    }

    /// Columns that are needed anywhere else in the plan or by the scan's own tests. The scan's own output
    /// says less: where its parent projects anyway, the server prints all columns.
    fn columns(&self, alias: &str, node: &PlanNode, within: &[Level<'a>]) -> Option<BTreeSet<String>> {
        if !self.measured {
            return None;
        }
        let mut columns = BTreeSet::new();
        let elsewhere = self.nodes.iter().filter(|n| !std::ptr::eq(**n, node));
        let mut texts: Vec<&String> = elsewhere.flat_map(|n| node_texts(n)).collect();
        texts.extend([&node.filter, &node.index_cond, &node.recheck_cond].into_iter().flatten());
        if !within.iter().any(|l| projects(l.node)) {
            texts.extend(&node.output);
        }
        let sound = texts.into_iter().all(|text| self.scope.columns_in(alias, text, &mut columns));
        sound.then_some(columns)
    }
}

/// Index entries read where the condition leaves the first key open: all of them, since a B-tree is only
/// narrowed down from its first key on. The plan does not show it.
fn entries(node: &PlanNode, table: &Table, predicates: &[Predicate]) -> f64 {
    let name = node.index_name.as_ref().or_else(|| node.plans.iter().find_map(|n| n.index_name.as_ref()));
    let index = name.and_then(|name| table.indexes.iter().find(|i| &i.name == name && i.method == "btree"));
    let Some(first) = index.and_then(|i| i.keys.first()?.column.as_deref()) else { return 0.0 };
    let conditional = node.index_cond.is_some() || node.recheck_cond.is_some();
    let open = conditional && !predicates.iter().any(|p| p.on.column() == Some(first));
    if open { table.rows * node.actual_loops.unwrap_or(1.0).max(1.0) } else { 0.0 }
}

fn node_texts(node: &PlanNode) -> Vec<&String> {
    let mut texts: Vec<&String> = node.output.iter().chain(&node.sort_key).chain(&node.group_key).collect();
    texts.extend(
        [&node.filter, &node.index_cond, &node.hash_cond, &node.merge_cond, &node.join_filter]
            .into_iter()
            .flatten(),
    );
    texts
}

fn projects(node: &PlanNode) -> bool {
    matches!(
        node.node_type.as_str(),
        "Aggregate" | "Nested Loop" | "Hash Join" | "Merge Join" | "WindowAgg" | "Result"
    )
}

pub(super) fn is_subplan(node: &PlanNode) -> bool {
    matches!(node.parent_relationship.as_deref(), Some("SubPlan" | "InitPlan"))
}

/// Above this node the relation goes by another name, or not at all.
fn is_boundary(node: &PlanNode) -> bool {
    is_subplan(node) || node.node_type == "Subquery Scan" || node.node_type == "CTE Scan"
}

/// The nodes above in which the relation goes by its alias, outermost first.
fn within<'l, 'a>(node: &PlanNode, above: &'l [Level<'a>]) -> &'l [Level<'a>] {
    if is_subplan(node) {
        return &[];
    }
    match above.iter().rposition(|l| is_boundary(l.node)) {
        Some(at) if is_subplan(above[at].node) => &above[at..],
        Some(at) => &above[at + 1..],
        None => above,
    }
}

fn label(alias: &str, table: &str) -> String {
    if alias == table { String::new() } else { format!(" {alias}") }
}

/// Whether a value comes from another relation for each of its rows: an inner side of a nested loop, or a
/// correlated sub-plan.
pub(crate) fn is_correlated(p: &Predicate) -> bool {
    matches!(p.test, Test::Equal(Side::Relation(..)))
}
