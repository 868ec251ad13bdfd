//! Driven over the socket, with mail put into the queue by hand.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use postern_config::Purpose;
use postern_mail::{
    CaseId, Client, CustomerId, Decision, Envelope, Hit, Identity, Lane, MessageId, Method, Origin,
    Points, Recipient, Submission, SystemClock, Verb,
};
use postern_queue::{Keep, KeepState};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::*;
use crate::{Live, Running};

const CUSTOMERS: &str = r#"{"id":"c1","name":"One","reseller":null,"plan":"S","since":"2020-02-29","domains":["c1.example"],"networks":[],"logins":[{"login":"a@c1.example"}],"certs":[]}"#;

struct House {
    running: Running,
    socket: PathBuf,
    _dir: tempfile::TempDir,
}

impl House {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("customers.jsonl"), CUSTOMERS).unwrap();
        let text = "hostname = \"r.example\"\ndata_dir = \"data\"\n[[listener]]\naddress = \"127.0.0.1:0\"\n\
            [pool.main]\nservers = [\"127.0.0.1:1\"]\n[customers]\ndirectory = \"customers.jsonl\"\n";
        let path = dir.path().join("postern.toml");
        std::fs::write(&path, text).unwrap();
        let live = Live::load(&path, Purpose::Serve).unwrap_or_else(|errors| panic!("{errors}"));
        let socket = live.config.admin.socket.clone();
        let running = Running::start(live, Arc::new(SystemClock::default())).await.unwrap();
        Self { running, socket, _dir: dir }
    }

    /// Quarantines a message of `origin`; gives its id.
    async fn quarantine(&self, origin: &str) -> String {
        let relay = &self.running.relay;
        let now = relay.clock.now();
        let octets =
            b"Subject: hello\r\nContent-Type: text/plain\r\n\r\nBuy \x1b[2Jnow\r\n".to_vec();
        let submission = Submission {
            id: MessageId::new(now, fastrand::u32(..)),
            received_at: now,
            identity: Identity {
                customer: Some(CustomerId::new("c1")),
                reseller: None,
                origin: Origin::parse(origin).unwrap(),
                method: Method::Xclient,
            },
            client: Client {
                ip: "192.0.2.1".parse().unwrap(),
                helo: "h.example".to_owned(),
                tls: false,
                esmtp: true,
                queues: false,
            },
            envelope: Envelope {
                mail_from: Some("a@c1.example".parse().unwrap()),
                recipients: vec![Recipient::new("b@d.example".parse().unwrap())],
                ..Envelope::default()
            },
            size: octets.len() as u64,
        };
        let hit = Hit { rule: "R".into(), points: Points::from(6.5), why: "7 of 5".into() };
        let decision = Decision {
            verb: Verb::Quarantine,
            hits: vec![hit],
            case: Some(CaseId::new("case-1")),
            ..Decision::forward(Lane::Script)
        };
        let id = submission.id.to_string();
        let (state, pool) = (KeepState::Quarantined, "main".to_owned());
        let content = Arc::new(octets);
        relay.queue.keep(Keep { submission, decision, state, pool, content }).await.unwrap();
        id
    }

    /// Status and body of the answer.
    async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let mut stream = UnixStream::connect(&self.socket).await.unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}")))
    }
}

#[tokio::test]
async fn people_decide_about_quarantined_mail() {
    let house = House::start().await;
    let script = house.quarantine("script:/x.php").await;
    let login = house.quarantine("login:a@c1.example").await;
    let (status, counts) = house.ask("GET", path::STATUS, Value::Null).await;
    assert_eq!((status, &counts["quarantined"]), (200, &json!(2)));
    assert_eq!(counts["mode"], "enforce");

    let all = json!({ "kept": "quarantine" });
    let (_, rows) = house.ask("POST", path::LIST, all).await;
    assert_eq!(rows.as_array().unwrap().len(), 2);
    let row = &rows[0];
    assert_eq!(row["id"], *script);
    assert_eq!(row["customer"], "c1");
    assert_eq!(row["origin"], "script:/x.php");
    assert_eq!(row["recipients"], json!(["b@d.example"]));
    assert_eq!(row["rules"], json!([{ "id": "R", "points": 6.5, "why": "7 of 5" }]));
    assert_eq!((&row["state"], &row["case"]), (&json!("quarantined"), &json!("case-1")));
    let (_, rows) = house.ask("POST", path::LIST, json!({ "kept": "queue" })).await;
    assert_eq!(rows, json!([]));

    let (_, view) = house.ask("GET", &format!("{}{script}", path::SHOW), Value::Null).await;
    assert_eq!(view["header"][0], json!(["Subject", "hello"]));
    assert_eq!(view["text"].as_str().unwrap().trim(), "Buy \u{1b}[2Jnow");
    assert_eq!(view["progress"][0]["state"], "pending");

    let (_, customer) = house.ask("GET", &format!("{}c1", path::CUSTOMER), Value::Null).await;
    assert_eq!(customer["since"], "2020-02-29");
    assert_eq!(customer["kept"], json!([{ "state": "quarantined", "messages": 2 }]));

    let of_script = json!({ "kept": "quarantine", "origin": "script:/x.php" });
    let act = json!({ "selector": of_script, "reason": "webshell", "dry_run": true });
    let (_, done) = house.ask("POST", path::REFUSE, act).await;
    assert_eq!((&done["ids"], &done["dry_run"]), (&json!([script]), &json!(true)));
    let both = json!({ "kept": "quarantine", "ids": [login, "0000000000000000"] });
    let act = json!({ "selector": both, "reason": "checked" });
    let (_, done) = house.ask("POST", path::RELEASE, act).await;
    assert_eq!(done["ids"], json!([login]));
    assert_eq!(done["missing"], json!(["0000000000000000"]));
    let (_, rows) = house.ask("POST", path::LIST, json!({ "kept": "quarantine" })).await;
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");

    let (_, audit) = house.ask("GET", path::AUDIT, Value::Null).await;
    assert_eq!((&audit[0]["act"], &audit[0]["reason"]), (&json!("release"), &json!("checked")));
    house.running.stop().await;
}

#[tokio::test]
async fn people_suspend_and_resume() {
    let house = House::start().await;
    let target = json!({ "customer": "c1", "origin": "script:/x.php", "reason": "webshell" });
    let (status, rows) = house.ask("POST", path::SUSPEND, target.clone()).await;
    assert_eq!((status, &rows[0]["origin"]), (200, &json!("script:/x.php")), "{rows}");
    assert_eq!(rows[0]["until"], Value::Null);
    let (_, rows) = house.ask("GET", path::SUSPENSIONS, Value::Null).await;
    assert_eq!(rows.as_array().unwrap().len(), 1);
    let (status, rows) = house.ask("POST", path::RESUME, target.clone()).await;
    assert_eq!((status, rows), (200, json!([])));
    let (status, failure) = house.ask("POST", path::RESUME, target).await;
    assert_eq!((status, failure), (404, json!({ "error": "c1 script:/x.php is not suspended" })));
    let (_, audit) = house.ask("GET", &format!("{}?limit=1", path::AUDIT), Value::Null).await;
    assert_eq!(
        (&audit[0]["act"], &audit[0]["target"]),
        (&json!("resume"), &json!("c1 script:/x.php"))
    );
    assert_eq!(audit.as_array().unwrap().len(), 1);
    house.running.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said() {
    let house = House::start().await;
    let post = |path: &'static str, body: Value| house.ask("POST", path, body);
    let rows = [
        (post(path::LIST, json!({ "ids": ["x"] })).await, 400, "\"x\" is no message id"),
        (post(path::LIST, json!({ "origin": "x" })).await, 400, "\"x\" is no origin"),
        (post(path::LIST, json!({ "sender": "x" })).await, 400, "the request is not understood"),
        (
            post(path::RELEASE, json!({ "selector": {}, "reason": " " })).await,
            400,
            "a reason is needed",
        ),
        (
            post(path::SUSPEND, json!({ "customer": "c9", "reason": "x" })).await,
            404,
            "the directory has no customer c9",
        ),
        (
            house.ask("GET", "/v1/messages/show/0000000000000000", Value::Null).await,
            404,
            "message 0000000000000000 is not kept",
        ),
        (house.ask("GET", "/v9", Value::Null).await, 404, "there is no such path"),
    ];
    for ((status, body), expect, text) in rows {
        let error = body["error"].as_str().unwrap();
        assert!(status == expect && error.starts_with(text), "{status} {error}, expected {text}");
    }
    house.running.stop().await;
}

#[tokio::test]
async fn the_socket_is_for_its_user_only_and_a_new_process_takes_it_over() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("admin.sock");
    let first = bind(&socket).unwrap();
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let second = bind(&socket).unwrap();
    let _client = UnixStream::connect(&socket).await.unwrap();
    let (stream, _) = second.accept().await.unwrap();
    assert!(stream.peer_cred().is_ok());
    drop(first);
    assert!(UnixStream::connect(&socket).await.is_ok());
    assert!(bind(&dir.path().join("none").join("admin.sock")).is_err());
}
