//! Logs: one line an event, as text or JSON, on standard error. No bodies, no passwords.

mod batch;

use std::io::{self, Stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{self, format::Writer};

use postern_config::{LogFormat, LogSettings};
use postern_mail::{Clock, SystemClock};

use self::batch::Batch;

/// While it lives the process logs; when it goes, what has gathered is written.
pub(crate) struct Logs(Batch<Stderr>);

impl Drop for Logs {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// Starts logging for the process. `RUST_LOG` overrides the level.
pub(crate) fn start(settings: &LogSettings) -> io::Result<Logs> {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(&settings.level));
    let batch = Batch::start(io::stderr())?;
    let logs = fmt::Subscriber::builder()
        .with_env_filter(filter)
        .with_timer(Utc(SystemClock::default()))
        .with_writer(batch.clone())
        .with_target(false);
    // An error says that logging was started already, by whoever runs us within a test.
    let _ = match settings.format {
        LogFormat::Text => tracing::subscriber::set_global_default(logs.with_ansi(false).finish()),
        LogFormat::Json => {
            tracing::subscriber::set_global_default(logs.json().flatten_event(true).finish())
        }
    };
    Ok(Logs(batch))
}

/// RFC 3339 in UTC, by the same clock as everything else.
struct Utc(SystemClock);

impl FormatTime for Utc {
    fn format_time(&self, w: &mut Writer<'_>) -> std::fmt::Result {
        write!(w, "{}", self.0.now())
    }
}
