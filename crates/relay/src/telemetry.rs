//! Logs: one line an event, as text or JSON, on standard error. No bodies, no passwords.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{self, format::Writer};

use postern_config::{LogFormat, LogSettings};
use postern_mail::{Clock, SystemClock};

/// Starts logging for the process; a second call changes nothing. `RUST_LOG` overrides the level.
pub(crate) fn start(settings: &LogSettings) {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(&settings.level));
    let logs = fmt::Subscriber::builder()
        .with_env_filter(filter)
        .with_timer(Utc(SystemClock::default()))
        .with_writer(std::io::stderr)
        .with_target(false);
    // An error says that logging was started already, as it is for the demo within a test.
    let _ = match settings.format {
        LogFormat::Text => tracing::subscriber::set_global_default(logs.with_ansi(false).finish()),
        LogFormat::Json => {
            tracing::subscriber::set_global_default(logs.json().flatten_event(true).finish())
        }
    };
}

/// RFC 3339 in UTC, by the same clock as everything else.
struct Utc(SystemClock);

impl FormatTime for Utc {
    fn format_time(&self, w: &mut Writer<'_>) -> std::fmt::Result {
        write!(w, "{}", self.0.now())
    }
}
