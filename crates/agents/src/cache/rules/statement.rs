//! A view of the whole answer of a statement without parameters, whatever it is made of.

use sqlparser::ast::Expr;

use super::Case;
use crate::cache::cached::{Cached, Reader, VIEW};
use crate::shared::sql::{fold, order_by, placeholders, standard};

/// The view. `columns` are the names of the statement's output columns as the server says, without
/// repetitions.
pub(crate) fn cached(case: &Case<'_>, columns: &[String], first_table: (&str, &str)) -> Option<Cached> {
    let query = case.query;
    if !standard(query) || !placeholders(query).is_empty() {
        return None;
    }
    let sortable = order_by(query).iter().all(|key| match &key.expr {
        Expr::Value(_) => true,
        Expr::Identifier(name) => columns.contains(&fold(name)),
        _ => false,
    });
    if !sortable {
        return None;
    }
    let order = query.order_by.as_ref().map(|o| format!(" {o}")).unwrap_or_default();
    Some(Cached {
        rule: "view_of_statement",
        schema: first_table.0.to_owned(),
        table: first_table.1.to_owned(),
        // With its ORDER BY, which LIMIT and DISTINCT ON need.
        query: query.to_string(),
        unique_key: Vec::new(),
        index: None,
        readers: vec![Reader {
            statement: case.statement.clone(),
            sql: format!("SELECT * FROM {VIEW}{order}"),
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::rules::show;
    use crate::shared::sql::{query, testing};

    fn view(sql: &str, columns: &[&str]) -> String {
        let catalog = testing::shop();
        let facts = testing::facts(&catalog);
        let tree = query(sql).unwrap();
        let columns: Vec<String> = columns.iter().map(|c| (*c).to_owned()).collect();
        let case = Case { facts: &facts, statement: &"q".into(), query: &tree };
        show(cached(&case, &columns, ("public", "orders")))
    }

    #[test]
    fn the_order_is_applied_again() {
        insta::assert_snapshot!(view("SELECT DISTINCT ON (user_id) user_id, id FROM orders ORDER BY user_id, id DESC", &["user_id", "id"]), @r#"
        view SELECT DISTINCT ON (user_id) user_id, id FROM orders ORDER BY user_id, id DESC
        SELECT * FROM VIEW ORDER BY user_id, id DESC
        "#);
        insta::assert_snapshot!(view("SELECT id FROM orders UNION SELECT id FROM items ORDER BY 1 DESC LIMIT 5", &["id"]), @r#"
        view SELECT id FROM orders UNION SELECT id FROM items ORDER BY 1 DESC LIMIT 5
        SELECT * FROM VIEW ORDER BY 1 DESC
        "#);
    }

    #[test]
    fn silent_where_it_does_not_fit() {
        assert_eq!(view("SELECT id FROM orders WHERE id = $1", &["id"]), "silent");
        assert_eq!(view("SELECT id FROM orders ORDER BY total", &["id"]), "silent");
        assert_eq!(view("SELECT id FROM orders ORDER BY id + 1", &["id"]), "silent");
    }
}
