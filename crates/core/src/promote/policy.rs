//! How patient a promoter is, and whom it tells.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Limits of a promotion or a rollback.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Longest time in front of production in the queue for a lock; each attempt ends after it.
    pub lock_timeout: Duration,
    /// Longest time that another session may wait for us before we step back and try again later.
    pub max_block: Duration,
    /// Longest time that a concurrent build or drop waits for transactions that are older than it. While it waits, it
    /// blocks neither reads nor writes.
    pub max_wait: Duration,
    /// Longest time over all attempts at one action.
    pub patience: Duration,
    /// Longest pause between two attempts; the first one is 100 ms, each next one twice as long.
    pub longest_pause: Duration,
    /// Watch the statistics of statements this long after the promotion.
    pub watch: Option<Duration>,
    /// Undo the promotion if what it built is not used or a statement becomes slower beyond `max_regression`.
    pub auto_rollback: bool,
    /// Part by which a statement may become slower.
    pub max_regression: f64,
    /// Calls of a statement before its mean time counts.
    pub min_calls: f64,
    /// Hears one line for each thing that happens.
    pub notice: Notice,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            lock_timeout: Duration::from_millis(200),
            max_block: Duration::from_millis(400),
            max_wait: Duration::from_secs(600),
            patience: Duration::from_secs(1800),
            longest_pause: Duration::from_secs(10),
            watch: None,
            auto_rollback: false,
            max_regression: 0.1,
            min_calls: 30.0,
            notice: Notice::default(),
        }
    }
}

/// Hears what happens, one line at a time.
#[derive(Clone)]
pub struct Notice(Arc<dyn Fn(&str) + Send + Sync>);

impl Notice {
    /// Tells this function.
    pub fn new(hear: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }

    pub(super) fn say(&self, line: impl AsRef<str>) {
        tracing::info!("{}", line.as_ref());
        (self.0)(line.as_ref());
    }
}

impl Default for Notice {
    fn default() -> Self {
        Self::new(|_| {})
    }
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notice")
    }
}
