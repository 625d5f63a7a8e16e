//! A view of joins and groups without the conditions that hold parameters, or, to be shared, without any
//! condition that can move: the statements filter it.
//!
//! A condition on nothing but a group's own columns keeps or drops whole groups, so it may be applied after
//! grouping as well as before (Gupta, Harinarayan and Quass, "Aggregate-Query Processing in Data Warehousing
//! Environments", VLDB 1995).

use pgverse_core::types::{IndexKey, StatementId};
use sqlparser::ast::{
    BinaryOperator as Op, Distinct, Expr, OrderByExpr, OrderBySort, Query, Select, SelectItem,
};

use super::Case;
use crate::cache::cached::{Cached, Reader, VIEW};
use crate::cache::lift::{ALIAS, Columns};
use crate::shared::sql::{
    Facts, all_of, any_expr, conjuncts, filters, fold, from_text, grouping, item_expr, limit, name_ast,
    order_by, output_name, placeholders, plain, unwrapped, where_text,
};

/// Most columns for which an index that holds all of them is worth its size.
const MOST_COLUMNS: usize = 7;

/// Which conditions the statements keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Those with parameters; the view holds as little as possible.
    Parameters,
    /// All that can move; the view can be shared.
    All,
}

/// A statement, split into what a view does and what it does itself.
#[derive(Debug)]
pub(crate) struct Split<'q> {
    statement: &'q StatementId,
    query: &'q Query,
    select: &'q Select,
    /// WHERE and HAVING of the view.
    stored: Vec<&'q Expr>,
    stored_having: Vec<&'q Expr>,
    /// Conditions of the statement, and whether they may look at aggregates.
    kept: Vec<(&'q Expr, bool)>,
    keep: Keep,
}

impl<'q> Split<'q> {
    /// Splits a plain SELECT that joins or aggregates. Nothing if a parameter is anywhere but in a condition
    /// that can move.
    pub(crate) fn of(case: &Case<'q>, keep: Keep) -> Option<Self> {
        let query = case.query;
        let select = plain(query)?;
        let distinct = matches!(select.distinct, None | Some(Distinct::Distinct));
        let windows = any_expr(&select.projection, |e| case.facts.is_window(e) || case.facts.returns_set(e));
        if query.with.is_some() || !distinct || windows {
            return None;
        }
        let mut columns = Columns::of(select, case.facts)?;
        if columns.keys.is_none() && columns.scope.relations.len() < 2 && select.distinct.is_none() {
            return None;
        }
        let mut split = Self {
            statement: case.statement,
            query,
            select,
            stored: vec![],
            stored_having: vec![],
            kept: vec![],
            keep,
        };
        // Without GROUP BY there is one group over everything, which no condition may leave.
        let may_move = columns.keys.is_none() || grouping(select);
        for condition in filters(select) {
            let moves = may_move && columns.lift(condition, false).is_some();
            split.place(condition, moves, false)?;
        }
        for condition in select.having.as_ref().map(conjuncts).unwrap_or_default() {
            let moves = columns.lift(condition, true).is_some();
            split.place(condition, moves, true)?;
        }
        let elsewhere = placeholders(&select.projection).is_empty()
            && placeholders(&select.from).is_empty()
            && placeholders(&select.group_by).is_empty();
        elsewhere.then_some(split)
    }

    fn place(&mut self, condition: &'q Expr, moves: bool, having: bool) -> Option<()> {
        let must = !placeholders(condition).is_empty();
        if must && !moves {
            return None;
        }
        if must || (moves && self.keep == Keep::All) {
            self.kept.push((condition, having));
        } else if having {
            self.stored_having.push(condition);
        } else {
            self.stored.push(condition);
        }
        Some(())
    }

    /// Statements with the same source can share one view.
    pub(crate) fn source(&self) -> String {
        format!(
            "{}{} {} {:?}{}",
            from_text(&self.select.from),
            where_text(self.stored.iter().copied()),
            self.select.group_by,
            self.select.distinct,
            where_text(self.stored_having.iter().copied()),
        )
    }
}

/// The view for statements that have the same source.
pub(crate) fn cached<'q>(splits: &[Split<'q>], facts: &'q Facts<'q>) -> Option<Cached> {
    let first = splits.first()?;
    let mut columns = Columns::of(first.select, facts)?;
    let home = columns.scope.relations.first()?.table?;
    let mut readers = Vec::new();
    let mut index = None;
    for split in splits {
        let (sql, keys) = reader(split, &mut columns)?;
        readers.push(Reader { statement: split.statement.clone(), sql });
        index = index.or(keys);
    }
    let distinct = first.select.distinct.is_some();
    let unique_key = columns.unique_key(distinct);
    let list: Vec<String> =
        columns.list.iter().map(|(name, expr)| format!("{expr} AS {}", name_ast(name))).collect();
    let group = if grouping(first.select) { format!(" {}", grouped_by(&columns)) } else { String::new() };
    let having = all_of(first.stored_having.iter().map(|c| (*c).clone()));
    let query = format!(
        "SELECT {}{} FROM {}{}{group}{}",
        if distinct { "DISTINCT " } else { "" },
        list.join(", "),
        from_text(&first.select.from),
        where_text(first.stored.iter().copied()),
        having.map(|h| format!(" HAVING {h}")).unwrap_or_default(),
    );
    // The key of the view gets an index anyway.
    let by_key =
        |keys: &Vec<IndexKey>| keys.iter().map(|k| k.column.as_ref()).eq(unique_key.iter().map(Some));
    let index = index.filter(|keys| !by_key(keys)).map(|keys| {
        let rest: Vec<String> = columns
            .list
            .iter()
            .map(|(name, _)| name.clone())
            .filter(|name| !keys.iter().any(|k: &IndexKey| k.column.as_ref() == Some(name)))
            .collect();
        let include = if columns.list.len() <= MOST_COLUMNS { rest } else { Vec::new() };
        (keys, include)
    });
    Some(Cached {
        rule: if splits.len() > 1 { "view_shared" } else { "view_of_groups" },
        schema: home.schema.clone(),
        table: home.name.clone(),
        query,
        unique_key,
        index,
        readers,
    })
}

fn grouped_by(columns: &Columns<'_>) -> String {
    let keys: Vec<String> = columns.keys.iter().flatten().map(ToString::to_string).collect();
    format!("GROUP BY {}", keys.join(", "))
}

/// The text of a statement over the view, and the keys of an index that would help it.
fn reader(split: &Split<'_>, columns: &mut Columns<'_>) -> Option<(String, Option<Vec<IndexKey>>)> {
    let mut items = Vec::new();
    for item in &split.select.projection {
        match item {
            SelectItem::Wildcard(_) => items.extend(every_column(columns, None)),
            SelectItem::QualifiedWildcard(
                sqlparser::ast::SelectItemQualifiedWildcardKind::ObjectName(name),
                _,
            ) => {
                let alias = fold(name.0.first()?.as_ident()?);
                let relation = columns.scope.index(&alias).filter(|_| name.0.len() == 1)?;
                items.extend(every_column(columns, Some(relation)));
            }
            other => {
                let output = output_name(other)?;
                let column = columns.column(unwrapped(item_expr(other)?), Some(&output));
                items.push(format!("{ALIAS}.{} AS {}", name_ast(&column), name_ast(&output)));
            }
        }
    }
    let mut kept = Vec::new();
    for (condition, having) in &split.kept {
        kept.push(columns.lift(condition, *having)?);
    }
    let mut order = Vec::new();
    for key in order_by(split.query) {
        order.push(order_key(key, split.select, columns)?);
    }
    let keys = index_keys(&kept, &order, limit(split.query), split.select, columns);
    let sql = format!(
        "SELECT {}{} FROM {VIEW} AS {ALIAS}{}{}{}",
        if split.select.distinct.is_some() { "DISTINCT " } else { "" },
        items.join(", "),
        where_text(kept.iter()),
        if order.is_empty() {
            String::new()
        } else {
            let keys: Vec<String> = order.iter().map(ToString::to_string).collect();
            format!(" ORDER BY {}", keys.join(", "))
        },
        split.query.limit_clause.as_ref().map(ToString::to_string).unwrap_or_default(),
    );
    Some((sql, keys))
}

/// `*` or `alias.*`, spelled out.
fn every_column(columns: &mut Columns<'_>, only: Option<usize>) -> Vec<String> {
    let relations: Vec<(String, Vec<String>)> = columns
        .scope
        .relations
        .iter()
        .enumerate()
        .filter(|(i, _)| only.is_none_or(|o| o == *i))
        .filter_map(|(_, r)| {
            Some((r.alias.clone(), r.table?.columns.iter().map(|c| c.name.clone()).collect()))
        })
        .collect();
    let mut items = Vec::new();
    for (alias, names) in relations {
        for name in names {
            let expr = Expr::CompoundIdentifier(vec![name_ast(&alias), name_ast(&name)]);
            let column = columns.column(&expr, None);
            items.push(format!("{ALIAS}.{} AS {}", name_ast(&column), name_ast(&name)));
        }
    }
    items
}

/// A sort key over the view; a name or number of an output column stays.
fn order_key(key: &OrderByExpr, select: &Select, columns: &mut Columns<'_>) -> Option<OrderByExpr> {
    let output = |name: &str| select.projection.iter().any(|i| output_name(i).as_deref() == Some(name));
    let expr = match &key.expr {
        Expr::Value(_) => key.expr.clone(),
        Expr::Identifier(name) if output(&fold(name)) => key.expr.clone(),
        other => columns.lift(other, true)?,
    };
    Some(OrderByExpr { expr, ..key.clone() })
}

/// Columns that are compared with something, equalities first; where nothing is compared, the sort keys, so
/// that nothing needs to be sorted.
fn index_keys(
    kept: &[Expr],
    order: &[OrderByExpr],
    limited: bool,
    select: &Select,
    columns: &Columns<'_>,
) -> Option<Vec<IndexKey>> {
    let view_column = |e: &Expr| match unwrapped(e) {
        Expr::CompoundIdentifier(parts) => parts.last().map(fold),
        _ => None,
    };
    let mut equal = Vec::new();
    let mut ranged = Vec::new();
    for condition in kept {
        match condition {
            Expr::BinaryOp { left, op: Op::Eq, right } => {
                equal.extend(view_column(left).or_else(|| view_column(right)))
            }
            Expr::InList { expr, negated: false, .. } => equal.extend(view_column(expr)),
            Expr::BinaryOp { left, op: Op::Lt | Op::LtEq | Op::Gt | Op::GtEq, right } => {
                ranged.extend(view_column(left).or_else(|| view_column(right)));
            }
            Expr::Between { expr, negated: false, .. } => ranged.extend(view_column(expr)),
            _ => {}
        }
    }
    let mut keys: Vec<IndexKey> = equal.into_iter().map(IndexKey::column).collect();
    let sorted: Option<Vec<IndexKey>> = order.iter().map(|key| sort_key(key, select, columns)).collect();
    match sorted {
        Some(sorted) if ranged.is_empty() && (limited || keys.is_empty()) => keys.extend(sorted),
        _ => keys.extend(ranged.into_iter().take(1).map(IndexKey::column)),
    }
    let mut seen = std::collections::BTreeSet::new();
    keys.retain(|k| seen.insert(k.column.clone()));
    (!keys.is_empty()).then_some(keys)
}

fn sort_key(key: &OrderByExpr, select: &Select, columns: &Columns<'_>) -> Option<IndexKey> {
    let output = |place: usize| -> Option<String> {
        let expr = unwrapped(item_expr(select.projection.get(place)?)?).to_string();
        columns.list.iter().find(|(_, e)| e.to_string() == expr).map(|(name, _)| name.clone())
    };
    let column = match &key.expr {
        Expr::Value(v) => output(v.value.to_string().parse::<usize>().ok()?.checked_sub(1)?)?,
        Expr::Identifier(name) => {
            let name = fold(name);
            output(select.projection.iter().position(|i| output_name(i).as_deref() == Some(name.as_str()))?)?
        }
        Expr::CompoundIdentifier(parts) => fold(parts.last()?),
        _ => return None,
    };
    let descending = match &key.options.sort {
        None | Some(OrderBySort::Asc) => false,
        Some(OrderBySort::Desc) => true,
        Some(OrderBySort::Using(_)) => return None,
    };
    let mut index = IndexKey::column(column);
    index.descending = descending;
    index.nulls_first = key.options.nulls_first.filter(|first| *first != descending);
    Some(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::rules::show;
    use crate::shared::sql::{query, testing};

    fn view(keep: Keep, statements: &[&str]) -> String {
        let catalog = testing::shop();
        let facts = testing::facts(&catalog);
        let trees: Vec<Query> = statements.iter().map(|sql| query(sql).unwrap()).collect();
        let id: StatementId = "q".into();
        let splits: Option<Vec<Split<'_>>> = trees
            .iter()
            .map(|tree| Split::of(&Case { facts: &facts, statement: &id, query: tree }, keep))
            .collect();
        show(
            splits.filter(|s| s.iter().all(|x| x.source() == s[0].source())).and_then(|s| cached(&s, &facts)),
        )
    }

    const REPORT: &str = "SELECT u.email, COUNT(o.id) AS n, SUM(o.total) AS spent FROM users u LEFT JOIN orders o ON u.id = o.user_id WHERE u.email LIKE $1 GROUP BY u.id, u.email ORDER BY spent DESC";

    #[test]
    fn conditions_with_parameters_move_to_the_statement() {
        insta::assert_snapshot!(view(Keep::Parameters, &[REPORT]), @r#"
        view SELECT u.email AS email, COUNT(o.id) AS n, SUM(o.total) AS spent, u.id AS id FROM users u LEFT JOIN orders o ON u.id = o.user_id GROUP BY u.id, u.email
        key id
        index spent desc include email, n, id
        SELECT cached.email AS email, cached.n AS n, cached.spent AS spent FROM VIEW AS cached WHERE cached.email LIKE $1 ORDER BY spent DESC
        "#);
        insta::assert_snapshot!(view(Keep::Parameters, &["SELECT status, count(*) FROM orders WHERE status = $1 AND total > 5 GROUP BY status HAVING sum(total) > $2 AND count(*) > 1 ORDER BY max(total), 2 LIMIT $3"]), @r#"
        view SELECT status AS status, count(*) AS count, sum(total) AS sum, max(total) AS max FROM orders WHERE total > 5 GROUP BY status HAVING count(*) > 1
        key status
        index status, sum include count, max
        SELECT cached.status AS status, cached.count AS count FROM VIEW AS cached WHERE cached.status = $1 AND cached.sum > $2 ORDER BY cached.max, 2 LIMIT $3
        "#);
    }

    #[test]
    fn joins_without_groups_keep_the_filtered_columns() {
        insta::assert_snapshot!(view(Keep::Parameters, &["SELECT o.*, \"U\".email AS \"Mail\", i.id FROM users \"U\" JOIN orders o ON o.user_id = \"U\".id, items i WHERE i.order_id = o.id AND \"U\".country = $1 ORDER BY o.created_at DESC"]), @r#"
        view SELECT o.id AS id, o.user_id AS user_id, o.total AS total, o.status AS status, o.coupon AS coupon, o.score AS score, o.created_at AS created_at, o.shipped_at AS shipped_at, "U".email AS "Mail", i.id AS id_2, "U".country AS country, "U".id AS id_3 FROM users "U" JOIN orders o ON o.user_id = "U".id, items i WHERE i.order_id = o.id
        key id_3, id, id_2
        index country include 
        SELECT cached.id AS id, cached.user_id AS user_id, cached.total AS total, cached.status AS status, cached.coupon AS coupon, cached.score AS score, cached.created_at AS created_at, cached.shipped_at AS shipped_at, cached."Mail" AS "Mail", cached.id_2 AS id FROM VIEW AS cached WHERE cached.country = $1 ORDER BY cached.created_at DESC
        "#);
        insta::assert_snapshot!(view(Keep::Parameters, &["SELECT DISTINCT status FROM orders WHERE user_id = $1"]), @r#"
        view SELECT DISTINCT status AS status, user_id AS user_id FROM orders
        key status, user_id
        index user_id include status
        SELECT DISTINCT cached.status AS status FROM VIEW AS cached WHERE cached.user_id = $1
        "#);
    }

    #[test]
    fn statements_share_a_view() {
        let other = "SELECT count(o.id), max(o.total) FROM users u LEFT JOIN orders o ON u.id = o.user_id WHERE u.country = 'NZ' GROUP BY u.id, u.email";
        insta::assert_snapshot!(view(Keep::All, &[REPORT, other]), @r#"
        view SELECT u.email AS email, COUNT(o.id) AS n, SUM(o.total) AS spent, count(o.id) AS count, max(o.total) AS max, u.country AS country, u.id AS id FROM users u LEFT JOIN orders o ON u.id = o.user_id GROUP BY u.id, u.email
        key id
        index spent desc include email, n, count, max, country, id
        SELECT cached.email AS email, cached.n AS n, cached.spent AS spent FROM VIEW AS cached WHERE cached.email LIKE $1 ORDER BY spent DESC
        SELECT cached.count AS count, cached.max AS max FROM VIEW AS cached WHERE cached.country = 'NZ'
        "#);
        assert_eq!(view(Keep::Parameters, &[REPORT, other]), "silent", "one view holds only NZ");
    }

    #[test]
    fn without_parameters_the_view_holds_the_filtered_answer() {
        insta::assert_snapshot!(view(Keep::Parameters, &["SELECT date_trunc('day', created_at) AS d, count(*), sum(total) FROM orders GROUP BY 1 ORDER BY 1"]), @r#"
        view SELECT date_trunc('day', created_at) AS d, count(*) AS count, sum(total) AS sum FROM orders GROUP BY date_trunc('day', created_at)
        key d
        SELECT cached.d AS d, cached.count AS count, cached.sum AS sum FROM VIEW AS cached ORDER BY 1
        "#);
        insta::assert_snapshot!(view(Keep::Parameters, &["SELECT count(*), max(total) FROM orders WHERE status = 'a'"]), @r#"
        view SELECT count(*) AS count, max(total) AS max FROM orders WHERE status = 'a'
        SELECT cached.count AS count, cached.max AS max FROM VIEW AS cached
        "#);
    }

    #[test]
    fn silent_where_a_precondition_fails() {
        for sql in [
            // The filtered column is not one of the group.
            "SELECT status, count(*) FROM orders WHERE user_id = $1 GROUP BY status",
            // One group over everything.
            "SELECT count(*) FROM orders WHERE status = $1",
            // Computed from a parameter.
            "SELECT status, count(*) + $1 FROM orders GROUP BY status",
            "SELECT u.id, count(*) FROM users u JOIN orders o ON o.user_id = u.id AND o.total > $1 GROUP BY u.id",
            // Nothing but one table.
            "SELECT id FROM orders WHERE status = $1",
            // The window sees only the rows that are left.
            "SELECT o.id, row_number() OVER () FROM orders o JOIN users u ON u.id = o.user_id WHERE u.country = $1",
        ] {
            assert_eq!(view(Keep::Parameters, &[sql]), "silent", "{sql}");
        }
    }
}
