//! Settings of the source database (`ALTER DATABASE … SET`), which CREATE DATABASE does not copy.

use pgverse_core::pg::{Session, quote};
use pgverse_core::{Context, ErrorKind, Result};

use serde::Deserialize;

use super::database::query;

/// Settings whose value is a list of quoted names, which `SET` wants element by element (GUC_LIST_QUOTE in
/// guc_tables.c; pg_dump keeps the same list in `variable_is_guc_list_quote`).
const LISTS: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

/// Gives the fork the settings that a session of this role gets on the source: those of the database, and
/// those of the role in the database. What the role may not set is skipped and logged.
pub(super) async fn copy(cx: &Context, session: &Session, source: &str, fork: &str) -> Result<()> {
    #[derive(Deserialize)]
    struct Row {
        of_role: bool,
        setting: String,
    }
    let sql = "SELECT s.setrole <> 0 AS of_role, c.setting \
               FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) c(setting) \
               WHERE d.datname = $1 AND s.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = current_user))";
    for Row { of_role, setting } in query(cx, session, sql, &[source]).await? {
        let Some((name, value)) = setting.split_once('=') else { continue };
        let target = if of_role {
            format!("ROLE CURRENT_USER IN DATABASE {}", quote::ident(fork))
        } else {
            format!("DATABASE {}", quote::ident(fork))
        };
        let sql = format!("ALTER {target} SET {} TO {}", quote::ident(name), set_value(name, value));
        match session.batch(cx, &sql).await {
            Err(error) if error.kind() == ErrorKind::Permission => {
                tracing::warn!(
                    fork,
                    setting = name,
                    "a setting of the source database cannot be copied to the fork"
                );
            }
            other => other?,
        }
    }
    Ok(())
}

/// The stored value as `SET … TO` takes it.
fn set_value(name: &str, value: &str) -> String {
    if LISTS.contains(&name) {
        let elements: Vec<String> =
            split_names(value).iter().map(|element| quote::literal(element)).collect();
        if elements.is_empty() { quote::literal("") } else { elements.join(", ") }
    } else {
        quote::literal(value)
    }
}

/// Splits a list of names, some of them in double quotes.
fn split_names(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut name = String::new();
    let mut quoted = false;
    let mut letters = list.trim().chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                name.push('"');
                letters.next();
            }
            '"' => quoted = !quoted,
            ',' if !quoted => names.push(std::mem::take(&mut name)),
            space if space.is_whitespace() && !quoted => {}
            other => name.push(other),
        }
    }
    if !list.trim().is_empty() {
        names.push(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_set_element_by_element_and_other_values_whole() {
        assert_eq!(
            set_value("search_path", r#""$user", app, "Mixed ""x"", y""#),
            r#"'$user', 'app', 'Mixed "x", y'"#
        );
        assert_eq!(set_value("search_path", r#""""#), "''");
        assert_eq!(set_value("search_path", ""), "''");
        assert_eq!(set_value("work_mem", "64MB"), "'64MB'");
        assert_eq!(set_value("my.text", "it's, so"), "'it''s, so'");
    }
}
