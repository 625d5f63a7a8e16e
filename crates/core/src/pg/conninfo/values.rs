//! Parameters of the connection itself: time-outs, keep-alives, which of several servers will do.

use std::str::FromStr;
use std::time::Duration;

use super::Conninfo;
use crate::error::{Error, Result};

/// How long one connection attempt may take when nothing is said.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Which servers will do (`target_session_attrs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pg) enum Target {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

impl Target {
    /// As libpq spells it.
    pub(in crate::pg) fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
            Self::Primary => "primary",
            Self::Standby => "standby",
            Self::PreferStandby => "prefer-standby",
        }
    }
}

/// How to connect, apart from where and as whom.
#[derive(Debug, Clone)]
pub(in crate::pg) struct Wire {
    /// Limit for one attempt on one address; none if the user set it to 0.
    pub(in crate::pg) connect_timeout: Option<Duration>,
    pub(in crate::pg) tcp_user_timeout: Option<Duration>,
    pub(in crate::pg) keepalives: bool,
    pub(in crate::pg) keepalives_idle: Option<Duration>,
    pub(in crate::pg) keepalives_interval: Option<Duration>,
    pub(in crate::pg) keepalives_retries: Option<u32>,
    pub(in crate::pg) target: Target,
    /// Try the servers in random order.
    pub(in crate::pg) shuffle: bool,
    pub(in crate::pg) channel_binding: Option<&'static str>,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            connect_timeout: Some(CONNECT_TIMEOUT),
            tcp_user_timeout: None,
            keepalives: true,
            keepalives_idle: None,
            keepalives_interval: None,
            keepalives_retries: None,
            target: Target::Any,
            shuffle: false,
            channel_binding: None,
        }
    }
}

impl Wire {
    /// Reads them; the values were checked before.
    pub(in crate::pg) fn read(conninfo: &Conninfo) -> Result<Self> {
        let seconds = |name| Ok::<_, Error>(positive(number(conninfo, name)?).map(Duration::from_secs));
        Ok(Self {
            // Zero, negative and empty mean no limit, as in libpq.
            connect_timeout: match conninfo.get("connect_timeout") {
                Some(_) => seconds("connect_timeout")?,
                None => Some(CONNECT_TIMEOUT),
            },
            tcp_user_timeout: positive(number(conninfo, "tcp_user_timeout")?).map(Duration::from_millis),
            keepalives: conninfo.filled("keepalives") != Some("0"),
            keepalives_idle: seconds("keepalives_idle")?,
            keepalives_interval: seconds("keepalives_interval")?,
            keepalives_retries: positive(number(conninfo, "keepalives_count")?)
                .and_then(|n| u32::try_from(n).ok()),
            target: match conninfo.filled("target_session_attrs") {
                Some("read-write") => Target::ReadWrite,
                Some("read-only") => Target::ReadOnly,
                Some("primary") => Target::Primary,
                Some("standby") => Target::Standby,
                Some("prefer-standby") => Target::PreferStandby,
                _ => Target::Any,
            },
            shuffle: conninfo.filled("load_balance_hosts") == Some("random"),
            channel_binding: match conninfo.filled("channel_binding") {
                Some("disable") => Some("disable"),
                Some("require") => Some("require"),
                _ => None,
            },
        })
    }
}

fn number(conninfo: &Conninfo, name: &str) -> Result<Option<i32>> {
    conninfo
        .filled(name)
        .map(|value| {
            i32::from_str(value.trim()).map_err(|_| {
                Error::invalid(format!("\"{value}\" is not a whole number")).with("parameter", name)
            })
        })
        .transpose()
}

fn positive(number: Option<i32>) -> Option<u64> {
    number.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0)
}
