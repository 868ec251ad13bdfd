//! The admin API: JSON over HTTP on a Unix socket that only the relay's user can open.
//!
//! Reads answer from memory and the store; every act names a reason. What is done to messages is in
//! the audit log in the same step; a suspension is done even where the log cannot be written.

mod audit;
mod cases;
mod customer;
mod decide;
mod list;
mod retry;
mod rows;
mod show;
mod status;
mod suspend;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::extract::connect_info::Connected;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use axum::serve::IncomingStream;
use postern_api::{Failure, path};
use postern_queue::StoreError;
use serde::de::DeserializeOwned;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::relay::Relay;

/// Makes the socket, mode 0600. A socket that is there already is replaced in one step: it was left
/// over, or belongs to the process that this one takes over from.
pub(crate) fn bind(socket: &Path) -> anyhow::Result<UnixListener> {
    let place = || format!("cannot make the admin socket {}", socket.display());
    let fresh = socket.with_extension(format!("{}.new", std::process::id()));
    // Only a leftover of a process that had our number and died here.
    let _ = std::fs::remove_file(&fresh);
    let listener = UnixListener::bind(&fresh).with_context(place)?;
    std::fs::set_permissions(&fresh, PermissionsExt::from_mode(0o600)).with_context(place)?;
    std::fs::rename(&fresh, socket).with_context(place)?;
    Ok(listener)
}

/// Answers until `shutdown`.
pub(crate) async fn run(listener: UnixListener, relay: Arc<Relay>, shutdown: CancellationToken) {
    let service = router(relay).into_make_service_with_connect_info::<Caller>();
    let stop = shutdown.clone().cancelled_owned();
    // Requests that hang would keep us from ending: they are cut off with everything else.
    tokio::select! {
        biased;
        () = shutdown.cancelled() => {}
        served = axum::serve(listener, service).with_graceful_shutdown(stop) => {
            if let Err(error) = served {
                error!(%error, "the admin socket is closed");
            }
        }
    }
}

fn router(relay: Arc<Relay>) -> Router {
    Router::new()
        .route(path::STATUS, get(status::status))
        .route(path::LIST, post(list::list))
        .route(&format!("{}{{id}}", path::SHOW), get(show::show))
        .route(path::RELEASE, post(decide::release))
        .route(path::REFUSE, post(decide::refuse))
        .route(path::RETRY, post(retry::retry))
        .route(path::CASES, get(cases::cases))
        .route(&format!("{}{{id}}", path::CUSTOMER), get(customer::customer))
        .route(path::SUSPENSIONS, get(suspend::suspensions))
        .route(path::SUSPEND, post(suspend::suspend))
        .route(path::RESUME, post(suspend::resume))
        .route(path::AUDIT, get(audit::audit))
        .fallback(|| async {
            Refused(
                StatusCode::NOT_FOUND,
                "there is no such path: are relay and command of one version?".into(),
            )
        })
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(relay)
}

/// A selector with a hundred thousand ids.
const REQUEST_BYTES_MAX: usize = 4 << 20;

/// What an endpoint gives back.
type Answer<T> = Result<Json<T>, Refused>;

/// Why not, for people.
struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(Failure { error: self.1 })).into_response()
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        let text = match error {
            StoreError::Stopped { .. } => error.to_string(),
            _ => format!("nothing was done: {error}"),
        };
        Self(StatusCode::INTERNAL_SERVER_ERROR, text)
    }
}

/// The request is wrong.
fn bad(why: impl Into<String>) -> Refused {
    Refused(StatusCode::BAD_REQUEST, why.into())
}

/// What is named is not there.
fn missing(what: impl Into<String>) -> Refused {
    Refused(StatusCode::NOT_FOUND, what.into())
}

/// The request's body, or what is wrong with it.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    serde_json::from_slice(body)
        .map_err(|error| bad(format!("the request is not understood: {error}")))
}

/// Who is at the other end of the socket; the kernel says so.
#[derive(Debug, Clone, Copy)]
struct Caller {
    uid: Option<u32>,
}

impl Connected<IncomingStream<'_, UnixListener>> for Caller {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self { uid: stream.io().peer_cred().ok().map(|cred| cred.uid()) }
    }
}

impl Caller {
    /// `root`, `root for anna`, `uid 1234`.
    fn name(self, behalf: Option<&str>) -> String {
        let user = match self.uid {
            Some(uid) => user_name(uid).unwrap_or_else(|| format!("uid {uid}")),
            None => "unknown".to_owned(),
        };
        match behalf {
            // What the client says of itself is kept apart from what the kernel says, and short.
            Some(behalf) if self.uid == Some(0) => {
                let behalf = behalf.chars().filter(|c| !c.is_control()).take(64);
                format!("{user} for {}", behalf.collect::<String>())
            }
            _ => user,
        }
    }
}

/// From the local user list; users of a directory service keep their number.
fn user_name(uid: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// A reason that says something.
fn reason(text: &str) -> Result<String, Refused> {
    match text.trim() {
        "" => Err(bad("a reason is needed: say why, in a few words")),
        text if text.len() > REASON_BYTES_MAX => Err(bad("the reason is too long")),
        text => Ok(text.to_owned()),
    }
}

const REASON_BYTES_MAX: usize = 1000;

#[cfg(test)]
mod tests;
