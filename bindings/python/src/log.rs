//! What the library logs, told to Python's `logging`.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::prelude::*;

static OPEN: AtomicBool = AtomicBool::new(false);

/// Forwards to a function `hear(target, level, message)` from now on; `level` is that of Python's `logging`. Does nothing
/// a second time.
#[pyfunction]
pub(crate) fn forward_logs(hear: Py<PyAny>, level: u8) {
    let most = match level {
        0..=9 => Level::TRACE,
        10..=19 => Level::DEBUG,
        20..=29 => Level::INFO,
        30..=39 => Level::WARN,
        _ => Level::ERROR,
    };
    let layer = Forward { hear, most };
    if tracing_subscriber::registry().with(layer).try_init().is_ok() {
        OPEN.store(true, Ordering::SeqCst);
    }
}

/// Nothing is forwarded any more: the interpreter ends.
pub(crate) fn stop() {
    OPEN.store(false, Ordering::SeqCst);
}

struct Forward {
    hear: Py<PyAny>,
    most: Level,
}

impl<S: Subscriber> Layer<S> for Forward {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let meta = event.metadata();
        if *meta.level() > self.most || !meta.target().starts_with("pgverse") || !OPEN.load(Ordering::SeqCst)
        {
            return;
        }
        let level = match *meta.level() {
            Level::TRACE => 5,
            Level::DEBUG => 10,
            Level::INFO => 20,
            Level::WARN => 30,
            Level::ERROR => 40,
        };
        let mut text = Text::default();
        event.record(&mut text);
        Python::attach(|py| {
            if let Err(error) = self.hear.call1(py, (meta.target(), level, text.message + &text.fields)) {
                error.write_unraisable(py, None);
            }
        });
    }
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
