//! Connection strings as libpq reads them: parse, fill from service file and environment, check.

mod environment;
mod hosts;
mod key_value;
mod keyword;
mod passfile;
mod service;
mod supported;
mod url;
mod values;

use std::collections::BTreeMap;

pub use environment::Environment;
pub(super) use hosts::{Endpoint, Host, endpoints};
pub(super) use key_value::quote;
pub(super) use values::{Target, Wire};

use crate::error::{Error, Result};

/// Keywords and their values. Has no Debug: one of them is the password.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Conninfo {
    values: BTreeMap<&'static str, String>,
    password_origin: Option<&'static str>,
}

impl Conninfo {
    /// Reads a connection string and fills what it leaves open: service file, then environment variables.
    /// What is still open has no value; what pgverse cannot do is refused.
    pub(super) fn resolve(text: &str, environment: &Environment) -> Result<Self> {
        let mut conninfo = Self::parse(text)?;
        conninfo.note_password("the connection string");
        service::fill(&mut conninfo, environment)?;
        conninfo.note_password("the service file");
        for (name, variable) in keyword::KEYWORDS {
            if let Some(value) = environment.variable(variable) {
                conninfo.set_if_absent(name, value);
            }
        }
        conninfo.note_password("PGPASSWORD");
        if environment.variable("PGREQUIRESSL").is_some_and(|value| value.starts_with('1')) {
            conninfo.set_if_absent("sslmode", "require");
        }
        supported::check(&conninfo)?;
        Ok(conninfo)
    }

    fn parse(text: &str) -> Result<Self> {
        let text = text.trim_start_matches(key_value::is_blank);
        if text.contains('\0') {
            return Err(Error::invalid("the connection string has a NUL character"));
        }
        if let Some(url) = url::after_scheme(text) {
            // A line end that came along with the URL is not part of it, as in libpq 18.
            return url::parse(url.trim_end_matches(key_value::is_blank));
        }
        let word = text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.'));
        if word.is_some_and(|end| text[end..].starts_with("://")) {
            return Err(Error::invalid("the URL is not one of PostgreSQL")
                .hint("it begins with postgresql:// or postgres://"));
        }
        key_value::parse(text)
    }

    /// The value, which may be empty where a string or a variable says so: nothing weaker replaces it then.
    fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The value if there is one and it is not empty.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Sets a keyword of the connection string, where the last value counts; returns its name in the table.
    fn set(&mut self, name: &str, value: String) -> Result<&'static str> {
        // The old spelling of sslmode, still read by libpq.
        if name == "requiressl" {
            let mode = if value.starts_with('1') { "require" } else { "prefer" };
            return self.set("sslmode", mode.to_owned());
        }
        let name = keyword::known(name).ok_or_else(|| keyword::unknown(name))?;
        self.values.insert(name, value);
        Ok(name)
    }

    fn set_if_absent(&mut self, name: &'static str, value: &str) {
        self.values.entry(name).or_insert_with(|| value.to_owned());
    }

    fn note_password(&mut self, origin: &'static str) {
        if self.password_origin.is_none() && self.values.contains_key("password") {
            self.password_origin = Some(origin);
        }
    }

    #[cfg(test)]
    fn into_pairs(self) -> Vec<(&'static str, String)> {
        self.values.into_iter().collect()
    }
}

/// Every environment variable that libpq reads parameters from.
pub(super) fn variables() -> impl Iterator<Item = &'static str> {
    keyword::KEYWORDS.iter().map(|(_, variable)| *variable).filter(|v| !v.is_empty()).chain(["PGREQUIRESSL"])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set_of_keywords() -> impl Strategy<Value = BTreeMap<&'static str, String>> {
        let names: Vec<&'static str> = keyword::KEYWORDS.iter().map(|(name, _)| *name).collect();
        let value = proptest::string::string_regex("[^\0]{0,20}").unwrap();
        proptest::collection::btree_map(proptest::sample::select(names), value, 0..8)
    }

    fn percent_encode(text: &str) -> String {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    }

    proptest! {
        #[test]
        fn key_value_strings_round_trip(values in set_of_keywords()) {
            let text: Vec<String> = values.iter().map(|(name, value)| format!("{name} = {}", quote(value))).collect();
            prop_assert_eq!(Conninfo::parse(&text.join(" ")).unwrap().values, values);
        }

        #[test]
        fn urls_round_trip(values in set_of_keywords()) {
            let query: Vec<String> =
                values.iter().map(|(name, value)| format!("{name}={}", percent_encode(value))).collect();
            let parsed = Conninfo::parse(&format!("postgresql://?{}", query.join("&"))).unwrap();
            prop_assert_eq!(parsed.values, values);
        }

        #[test]
        fn the_parts_of_a_url_round_trip(
            user in "[^\0]{1,10}", password in "[^\0]{1,10}", host in "[a-z.-]{1,10}", port in 1u16.., database in "[^\0]{1,10}",
        ) {
            let url = format!(
                "postgres://{}:{}@{host}:{port}/{}",
                percent_encode(&user), percent_encode(&password), percent_encode(&database)
            );
            let parsed = Conninfo::parse(&url).unwrap();
            let port = port.to_string();
            for (name, value) in [("user", &user), ("password", &password), ("host", &host), ("port", &port), ("dbname", &database)] {
                prop_assert_eq!(parsed.get(name), Some(value.as_str()));
            }
        }

        #[test]
        fn no_text_makes_the_parsers_panic(text in ".{0,60}", mix in "[a-z=':/@?&%,\\[\\] \\\\]{0,40}") {
            for text in [text.clone(), mix.clone(), format!("postgres://{text}"), format!("postgres://{mix}")] {
                let _ = Conninfo::parse(&text).map(drop);
                let _ = crate::pg::Dsn::resolve(&text, &Environment::empty().with_os_user("u")).map(drop);
            }
        }
    }

    #[test]
    fn text_of_another_kind_is_refused() {
        for (text, message) in [
            ("mysql://root@host/db", "the URL is not one of PostgreSQL"),
            ("postgresq://u:secret@host/db?x=y", "the URL is not one of PostgreSQL"),
            ("host=a\0b", "the connection string has a NUL character"),
        ] {
            let error = Conninfo::parse(text).map(drop).unwrap_err();
            assert_eq!(error.message(), message);
            assert!(!error.to_string().contains("secret"));
        }
        assert!(Conninfo::parse("password=a://b").is_ok());
    }
}
