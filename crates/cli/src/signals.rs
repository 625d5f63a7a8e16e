//! Ctrl-C, SIGTERM and SIGHUP cancel the run; the run then destroys its forks and ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use pgverse::{Error, ErrorKind, Result};
use tokio::signal::unix::{SignalKind, signal};

/// Listens from the start of the program on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signals {
    seen: Arc<AtomicU8>,
}

impl Signals {
    /// Calls `cancel` at the first signal. A second one ends the program at once; what is left then is swept
    /// at the next start.
    pub(crate) fn listen(cancel: impl Fn() + Send + 'static) -> Result<Self> {
        let signals = Self::default();
        let seen = Arc::clone(&signals.seen);
        let open = |kind| {
            signal(kind).map_err(|e| Error::new(ErrorKind::Process, "cannot listen for signals").caused_by(e))
        };
        let mut interrupt = open(SignalKind::interrupt())?;
        let mut terminate = open(SignalKind::terminate())?;
        let mut hang_up = open(SignalKind::hangup())?;
        tokio::spawn(async move {
            loop {
                let kind = tokio::select! {
                    _ = interrupt.recv() => SignalKind::interrupt(),
                    _ = terminate.recv() => SignalKind::terminate(),
                    _ = hang_up.recv() => SignalKind::hangup(),
                };
                let number = u8::try_from(kind.as_raw_value()).unwrap_or(2);
                if seen.swap(number, Ordering::SeqCst) != 0 {
                    crate::output::note("stopped at once; `pgverse fork sweep` destroys what is left");
                    std::process::exit(128 + i32::from(number));
                }
                crate::output::note("stopping: destroying the forks first (once more to stop at once)");
                cancel();
            }
        });
        Ok(signals)
    }

    /// Number of the signal that came, if one came.
    pub(crate) fn seen(&self) -> Option<u8> {
        match self.seen.load(Ordering::SeqCst) {
            0 => None,
            number => Some(number),
        }
    }
}
