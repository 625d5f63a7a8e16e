//! Options of the local backend, also from a URL.

use std::path::PathBuf;
use std::time::Duration;

use pgverse_core::pg::Dsn;
use pgverse_core::{Error, Result};

use super::Mechanism;
use crate::shared::lease::Terms;

/// Options of the local backend.
#[derive(Debug, Clone, Default)]
pub struct LocalConfig {
    /// Directory for golden images, forks and leases; see [`crate::shared::Home::resolve`].
    pub home: Option<PathBuf>,
    /// Directory of the PostgreSQL programs; see [`crate::shared::Programs::find`].
    pub programs: Option<PathBuf>,
    /// Major version to run; any if not said. A physical copy runs on its source's version whatever this says.
    pub major: Option<u32>,
    /// What to fork. Without one, forks can only be listed, destroyed and swept.
    pub golden: Option<GoldenSource>,
    /// Keeps a golden image that was copied from a server, and uses it again instead of copying anew.
    pub keep_golden: bool,
    /// Copies the server anew, once for this backend, and keeps that image in place of the kept one.
    pub refresh: bool,
    /// How forks are made; the best that works here if not said.
    pub mechanism: Option<Mechanism>,
    /// How long forks live, and whether they outlive this process.
    pub terms: Terms,
    /// `shared_buffers` of each fork, as `postgresql.conf` spells it; 128MB if not said.
    pub shared_buffers: Option<String>,
}

/// Where the golden image comes from.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one per backend")]
pub enum GoldenSource {
    /// A new database of this name, filled by these scripts in order. Built once, kept, and built anew when
    /// a script or the server's major version changes.
    Script {
        /// Name of the database.
        name: String,
        /// Scripts; each is sent as one simple query, so its statements are one transaction.
        sql: Vec<String>,
    },
    /// A copy of the database behind this connection string.
    Server(Dsn),
}

impl LocalConfig {
    /// The defaults with this source.
    pub fn new(golden: GoldenSource) -> Self {
        Self { golden: Some(golden), ..Self::default() }
    }

    /// Reads options from a URL such as `local:?mechanism=copy&home=/x&ttl=2h`. Known are `mechanism`, `home`,
    /// `programs`, `major`, `ttl`, `detached`, `keep_golden`, `refresh` (which keeps it too) and `shared_buffers`.
    ///
    /// # Errors
    /// `InvalidInput`, naming the option.
    pub fn from_url(url: &str) -> Result<Self> {
        let invalid = |message: &str| Error::invalid(message.to_owned()).with("url", url);
        let rest = url.strip_prefix("local").ok_or_else(|| invalid("the URL's scheme is not local"))?;
        let rest = rest.strip_prefix("://").or_else(|| rest.strip_prefix(':')).unwrap_or(rest);
        let query = match rest.split_once('?') {
            Some(("", query)) => query,
            None if rest.is_empty() => "",
            _ => {
                return Err(invalid(
                    "the local backend's URL has options only, such as local:?mechanism=copy",
                ));
            }
        };
        let mut config = Self::default();
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
        let switch = || match value {
            "" | "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(invalid("the option is either true or false")),
        };
        match name {
            "mechanism" => self.mechanism = Some(value.parse()?),
            "home" => self.home = Some(PathBuf::from(value)),
            "programs" => self.programs = Some(PathBuf::from(value)),
            "major" => {
                self.major = Some(value.parse().map_err(|e| invalid("not a major version").caused_by(e))?)
            }
            "ttl" => {
                self.terms.ttl = ttl(value).ok_or_else(|| invalid("not a duration such as 2h or 90m"))?
            }
            "detached" => self.terms.detached = switch()?,
            "keep_golden" => self.keep_golden = switch()?,
            "refresh" => {
                self.refresh = switch()?;
                self.keep_golden |= self.refresh;
            }
            "shared_buffers" => self.shared_buffers = Some(value.to_owned()),
            _ => {
                return Err(invalid("the local backend has no such option").hint(
                    "it has mechanism, home, programs, major, ttl, detached, keep_golden, refresh and shared_buffers",
                ));
            }
        }
        Ok(())
    }
}

fn ttl(value: &str) -> Option<Duration> {
    humantime::parse_duration(value).ok().filter(|d| !d.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_from_a_url() {
        let config = LocalConfig::from_url(
            "local:?mechanism=copy&home=/a%20b&ttl=90m&detached&major=16&shared_buffers=1GB",
        )
        .unwrap();
        assert_eq!(config.mechanism, Some(Mechanism::Copy));
        assert_eq!(config.home, Some(PathBuf::from("/a b")));
        assert_eq!(config.terms, Terms { ttl: Duration::from_secs(5400), detached: true });
        assert_eq!(config.major, Some(16));
        assert_eq!(config.shared_buffers.as_deref(), Some("1GB"));
        let config = LocalConfig::from_url("local:?refresh").unwrap();
        assert!(config.refresh && config.keep_golden, "only a kept image can be made anew");
        for plain in ["local", "local:", "local://"] {
            assert!(LocalConfig::from_url(plain).unwrap().mechanism.is_none());
        }
    }

    #[test]
    fn wrong_options_are_named() {
        for (url, named) in [
            ("neon:?a=b", "neon"),
            ("local:?mechanism=magic", "magic"),
            ("local:?colour=red", "colour"),
            ("local:?ttl=soon", "soon"),
            ("local:?detached=maybe", "maybe"),
            ("local:/var/lib", "/var/lib"),
        ] {
            let error = LocalConfig::from_url(url).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
