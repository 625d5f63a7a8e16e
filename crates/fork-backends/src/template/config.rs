//! Options of the backend.

use std::path::PathBuf;
use std::time::Duration;

use pgverse_core::pg::Dsn;
use pgverse_core::{Error, Result};

use super::SCHEME;
use crate::shared::lease::Terms;

/// What a [`super::TemplateBackend`] is made from.
#[derive(Debug, Clone)]
pub struct TemplateConfig {
    /// The server and, as its database, the source.
    pub dsn: Dsn,
    /// How the server copies; the faster one for the size of the database if `None`.
    pub strategy: Option<Strategy>,
    /// Who answers for the forks, and how long.
    pub terms: Terms,
    /// Where leases are kept; as [`crate::shared::Home::resolve`] finds it if `None`.
    pub home: Option<PathBuf>,
    /// How long to wait for other sessions to leave the source; `None` for the five seconds that the server
    /// itself waits.
    pub wait: Option<Duration>,
    /// Forks are made from a copy of the source on the same server, so that others can stay connected to the
    /// source. The copy is made at the first use and kept for a day after the last.
    pub copy: bool,
    /// Makes that copy anew.
    pub refresh: bool,
}

impl TemplateConfig {
    /// Defaults for a source database.
    pub fn new(dsn: Dsn) -> Self {
        Self {
            dsn,
            strategy: None,
            terms: Terms::default(),
            home: None,
            wait: None,
            copy: false,
            refresh: false,
        }
    }

    /// Reads options from a URL such as `template:?strategy=wal_log&wait=30s`. Known are `strategy`, `wait`,
    /// `copy`, `refresh`, `ttl`, `detached` and `home`.
    ///
    /// # Errors
    /// `InvalidInput`, naming the option.
    pub fn from_url(url: &str, dsn: Dsn) -> Result<Self> {
        let invalid = |message: &str| Error::invalid(message.to_owned()).with("url", url);
        let rest = url.strip_prefix(SCHEME).ok_or_else(|| invalid("the URL's scheme is not template"))?;
        let rest = rest.strip_prefix("://").or_else(|| rest.strip_prefix(':')).unwrap_or(rest);
        let query = match rest.split_once('?') {
            Some(("", query)) => query,
            None if rest.is_empty() => "",
            _ => {
                return Err(invalid(
                    "the template backend's URL has options only, such as template:?wait=30s",
                ));
            }
        };
        let mut config = Self::new(dsn);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_encoding::percent_decode_str(value)
                .decode_utf8()
                .map_err(|e| invalid("an option is not UTF-8").with("option", name).caused_by(e))?;
            config.set(name, &value).map_err(|e| e.with("url", url))?;
        }
        Ok(config)
    }

    /// Sets one option by name, as a URL does.
    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let invalid =
            |message: &str| Error::invalid(message.to_owned()).with("option", name).with("value", value);
        let duration = || {
            let parsed = humantime::parse_duration(value).ok().filter(|d| !d.is_zero());
            parsed.ok_or_else(|| invalid("not a duration such as 2h or 30s"))
        };
        let switch = || match value {
            "" | "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(invalid("the option is either true or false")),
        };
        match name {
            "strategy" => self.strategy = Some(value.parse()?),
            "wait" => self.wait = Some(duration()?),
            "ttl" => self.terms.ttl = duration()?,
            "detached" => self.terms.detached = switch()?,
            "copy" => self.copy = switch()?,
            "refresh" => self.refresh = switch()?,
            "home" => self.home = Some(PathBuf::from(value)),
            _ => {
                return Err(invalid("the template backend has no such option")
                    .hint("it has strategy, wait, copy, refresh, ttl, detached and home"));
            }
        }
        if self.refresh && !self.copy && name == "refresh" {
            self.copy = true;
        }
        Ok(())
    }
}

/// How CREATE DATABASE copies (PostgreSQL 15 and newer; before, it is always by file).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Copies files between two checkpoints; clones them where server and file system can.
    FileCopy,
    /// Copies pages through the write-ahead log.
    WalLog,
}

impl Strategy {
    /// As the server spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FileCopy => "FILE_COPY",
            Self::WalLog => "WAL_LOG",
        }
    }
}

impl std::str::FromStr for Strategy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.to_ascii_lowercase().as_str() {
            "file_copy" => Ok(Self::FileCopy),
            "wal_log" => Ok(Self::WalLog),
            _ => Err(Error::invalid("there is no such strategy")
                .with("strategy", text)
                .hint("the strategies are file_copy and wal_log")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn source() -> Dsn {
        Dsn::socket(Path::new("/run"), 5432, "me", "shop")
    }

    #[test]
    fn options_are_read_from_a_url() {
        let url = "template:?strategy=wal_log&wait=30s&ttl=90m&detached&home=/a%20b";
        let config = TemplateConfig::from_url(url, source()).unwrap();
        assert_eq!(config.strategy, Some(Strategy::WalLog));
        assert_eq!(config.wait, Some(Duration::from_secs(30)));
        assert_eq!(config.terms, Terms { ttl: Duration::from_secs(5400), detached: true });
        assert_eq!(config.home, Some(PathBuf::from("/a b")));
        assert!(!config.copy);
        let config = TemplateConfig::from_url("template:?refresh", source()).unwrap();
        assert!(config.copy && config.refresh, "only a copy can be made anew");
        for plain in ["template", "template:", "template://"] {
            assert_eq!(TemplateConfig::from_url(plain, source()).unwrap().strategy, None);
        }
    }

    #[test]
    fn wrong_options_are_named() {
        for (url, named) in [
            ("local:?ttl=1h", "local"),
            ("template:?strategy=magic", "magic"),
            ("template:?colour=red", "colour"),
            ("template:?wait=soon", "soon"),
            ("template:?detached=maybe", "maybe"),
            ("template:/var/lib", "/var/lib"),
        ] {
            let error = TemplateConfig::from_url(url, source()).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
