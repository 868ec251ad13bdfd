//! One request, one answer, over the Unix socket of the relay.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use postern_api::Failure;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::Trouble;

/// Speaks to one relay.
pub(crate) struct Client {
    socket: PathBuf,
}

/// A list of a million rows is larger; it is asked for with a limit.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// A bulk act on a million messages takes some seconds.
const PATIENCE: Duration = Duration::from_secs(120);

impl Client {
    pub(crate) fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// GET `path`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Trouble> {
        self.ask(Method::GET, path, Vec::new()).await
    }

    /// GET `path` with a name behind it.
    pub(crate) async fn get_named<T: DeserializeOwned>(
        &self,
        path: &str,
        name: &str,
    ) -> Result<T, Trouble> {
        self.get(&format!("{path}{}", utf8_percent_encode(name, NON_ALPHANUMERIC))).await
    }

    /// POST `body` to `path`.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Trouble> {
        let body = serde_json::to_vec(body).map_err(|error| not_understood(&error))?;
        self.ask(Method::POST, path, body).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<T, Trouble> {
        let answer = tokio::time::timeout(PATIENCE, self.exchange(method, path, body)).await;
        let (ok, octets) = answer.map_err(|_| {
            let seconds = PATIENCE.as_secs();
            self.unreachable(&format!("gave no answer within {seconds} seconds"), "look at its log")
        })??;
        if ok {
            return serde_json::from_slice(&octets).map_err(|error| not_understood(&error));
        }
        let failure: Failure =
            serde_json::from_slice(&octets).map_err(|error| not_understood(&error))?;
        Err(Trouble::NotDone(failure.error))
    }

    /// Whether it went well, and the answer's body.
    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<(bool, Bytes), Trouble> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|e| self.no_connection(&e))?;
        let broken = |error: &dyn std::fmt::Display| {
            self.unreachable(&format!("broke off ({error})"), "look at its log")
        };
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
        let running = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "postern")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| broken(&error))?;
        let answer = sender.send_request(request).await.map_err(|error| broken(&error))?;
        let ok = answer.status().is_success();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX);
        let octets = body.collect().await.map_err(|error| broken(&error))?.to_bytes();
        running.abort();
        Ok((ok, octets))
    }

    fn no_connection(&self, error: &std::io::Error) -> Trouble {
        match error.kind() {
            ErrorKind::PermissionDenied => Trouble::Unreachable(format!(
                "no permission for {}: run this as the user that runs postern, or with sudo",
                self.socket.display()
            )),
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => Trouble::Unreachable(format!(
                "no relay answers at {}: is `postern serve` running with this config?",
                self.socket.display()
            )),
            _ => self.unreachable(&format!("cannot be reached ({error})"), "look at its log"),
        }
    }

    fn unreachable(&self, what: &str, remedy: &str) -> Trouble {
        Trouble::Unreachable(format!("the relay at {} {what}: {remedy}", self.socket.display()))
    }
}

fn not_understood(error: &serde_json::Error) -> Trouble {
    Trouble::NotDone(format!(
        "the relay's answer is not understood ({error}): are relay and command of one version?"
    ))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::*;

    /// Answers one request with `answer`; gives what it was asked.
    async fn ask(answer: &str) -> (Result<Vec<u32>, Trouble>, String) {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("admin.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let answer = answer.to_owned();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let n = stream.read(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(request[..n].to_vec()).unwrap()
        });
        let got = Client::new(&socket).get_named("/v1/x/", "a/b ü").await;
        (got, server.await.unwrap())
    }

    fn answer(status: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }

    #[tokio::test]
    async fn answers_refusals_and_nonsense() {
        let (got, request) = ask(&answer("200 OK", "[1,2]")).await;
        assert_eq!(got.unwrap(), [1, 2]);
        assert!(request.starts_with("GET /v1/x/a%2Fb%20%C3%BC HTTP/1.1\r\n"), "{request}");
        let rows = [
            (answer("404 Not Found", "{\"error\":\"no such thing\"}"), "no such thing"),
            (answer("200 OK", "{}"), "the relay's answer is not understood"),
            (answer("500 Oops", "oops"), "the relay's answer is not understood"),
        ];
        for (answer, expect) in rows {
            let trouble = ask(&answer).await.0.unwrap_err();
            assert!(matches!(trouble, Trouble::NotDone(_)), "{trouble:?}");
            assert!(trouble.to_string().starts_with(expect), "{trouble}");
        }
        let trouble = ask("").await.0.unwrap_err();
        assert!(matches!(trouble, Trouble::Unreachable(_)), "{trouble:?}");
    }

    #[tokio::test]
    async fn without_a_relay_the_remedy_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("admin.sock");
        let expect = format!(
            "no relay answers at {}: is `postern serve` running with this config?",
            socket.display()
        );
        let trouble = Client::new(&socket).get::<u32>("/").await.unwrap_err();
        assert_eq!(trouble.to_string(), expect);
        // Left over by a process that has ended.
        drop(UnixListener::bind(&socket).unwrap());
        let trouble = Client::new(&socket).get::<u32>("/").await.unwrap_err();
        assert_eq!(trouble.to_string(), expect);
    }
}
