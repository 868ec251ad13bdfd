//! Small traces with known ends.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::replay;

struct House {
    folder: tempfile::TempDir,
}

impl House {
    fn new(mode: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let customers = json!({
            "id": "a", "name": "A", "reseller": null, "plan": "M", "since": "2015-01-01",
            "domains": ["a.example"], "networks": ["192.0.2.0/24"],
            "logins": [{"login": "a/web1"}, {"login": "info@a.example"}], "certs": []
        });
        fs::write(folder.path().join("customers.jsonl"), format!("{customers}\n")).unwrap();
        let config = format!(
            "mode = \"{mode}\"\n[customers]\ndirectory = {:?}\n[[peer]]\nnetworks = [\"10.20.0.0/24\"]\nidentity = \"xclient\"\n",
            folder.path().join("customers.jsonl")
        );
        fs::write(folder.path().join("postern.toml"), config).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Decisions of a trace of these events; header and end are added.
    fn run(&self, events: &[Value]) -> anyhow::Result<Vec<Value>> {
        let header = json!({"type": "trace", "version": 1, "name": "t", "starts": "2024-02-05T00:00:00+01:00", "about": ""});
        let end = json!({"type": "end", "at": 100_000});
        let lines: Vec<String> =
            [&header].into_iter().chain(events).chain([&end]).map(Value::to_string).collect();
        fs::write(self.path("trace.jsonl"), lines.join("\n") + "\n").unwrap();
        replay(&self.path("postern.toml"), &self.path("trace.jsonl"), &self.path("d.jsonl"))?;
        let text = fs::read_to_string(self.path("d.jsonl")).unwrap();
        Ok(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }
}

fn mail(at: f64, id: &str, login: Option<&str>, to: &str) -> Value {
    let xclient = login.map(|l| json!({"addr": "127.0.0.1", "name": "localhost", "login": l}));
    let ip = if login.is_some() { "10.20.0.9" } else { "192.0.2.9" };
    json!({
        "type": "message", "at": at, "id": id, "mail_from": "info@a.example", "rcpt_to": [to],
        "client": {"ip": ip, "helo": "h", "auth": null, "cert": null, "tls": true, "xclient": xclient},
        "raw": "From: info@a.example\nSubject: x\n\nhello\n", "label": "ham", "story": "s"
    })
}

fn field<'a>(rows: &'a [Value], n: usize, name: &str) -> &'a Value {
    &rows[n][name]
}

#[test]
fn a_burst_is_held_and_let_go_by_the_traces_own_clock() {
    let house = House::new("enforce");
    let burst: Vec<Value> = (0..60)
        .map(|i| mail(f64::from(i), &format!("m{i}"), Some("a/web1"), &format!("u{i}@d.example")))
        .collect();
    let rows = house.run(&burst).unwrap();
    assert_eq!(field(&rows, 0, "decision"), "forward");
    assert_eq!(field(&rows, 0, "origin"), "login:a/web1");
    assert_eq!(field(&rows, 0, "forwarded_at"), 0.0);
    assert_eq!(field(&rows, 59, "decision"), "hold");
    assert_eq!(field(&rows, 59, "final"), "forwarded");
    let at = field(&rows, 59, "forwarded_at").as_f64().unwrap();
    assert!((190.0..260.0).contains(&at), "{at}");
    let rules = field(&rows, 59, "rules").as_array().unwrap();
    assert_eq!(rules[0]["id"], "BURST_NEW_RECIPIENTS");
    assert_eq!(rows[60]["final"], json!({"forwarded": 60}));
    let watching = House::new("observe").run(&burst).unwrap();
    assert_eq!(field(&watching, 59, "decision"), "hold");
    assert_eq!(field(&watching, 59, "forwarded_at"), 59.0);
}

#[test]
fn upstreams_that_are_down_or_refuse() {
    let house = House::new("enforce");
    let mut refused = mail(1.0, "refused", None, "x@d.example");
    refused["upstream"] = json!({"code": 550, "text": "5.1.1 no such user"});
    let mut later = mail(2.0, "later", None, "y@d.example");
    later["upstream"] = json!({"code": 451, "text": "busy"});
    let events = [
        refused,
        later,
        json!({"type": "upstream", "at": 100, "state": "down"}),
        mail(110.0, "waits", None, "z@d.example"),
        json!({"type": "restart", "at": 120}),
        json!({"type": "upstream", "at": 200, "state": "up"}),
        mail(210.0, "nobody", None, "z@d.example"),
    ];
    let rows = house.run(&events).unwrap();
    assert_eq!(field(&rows, 0, "final"), "refused");
    assert!(field(&rows, 0, "reply").as_str().unwrap().starts_with("550 5.1.1"));
    assert_eq!(field(&rows, 1, "forwarded_at"), 62.0);
    assert_eq!(field(&rows, 2, "decision"), "forward");
    assert_eq!(field(&rows, 2, "forwarded_at"), 200.0);
    assert_eq!(field(&rows, 2, "customer"), "a");
}

#[test]
fn a_persons_word_releases_and_condemns() {
    let house = House::new("enforce");
    let mut events: Vec<Value> = (0..40)
        .map(|i| mail(f64::from(i), &format!("m{i}"), Some("a/web1"), &format!("u{i}@d.example")))
        .collect();
    events.push(
        json!({"type": "verdict", "at": 50, "message": "m30", "is": "ham", "scope": "message"}),
    );
    events.push(
        json!({"type": "verdict", "at": 51, "message": "m31", "is": "spam", "scope": "message"}),
    );
    let rows = house.run(&events).unwrap();
    assert_eq!(field(&rows, 30, "forwarded_at"), 50.0);
    assert_eq!(field(&rows, 31, "final"), "quarantined");
}

#[test]
fn a_bad_trace_is_named_with_its_line() {
    let house = House::new("enforce");
    let rows = [
        (vec![json!({"type": "mesage", "at": 1})], "trace.jsonl:2"),
        (
            vec![mail(5.0, "a", None, "x@d.example"), mail(4.0, "b", None, "x@d.example")],
            "back in time",
        ),
        (vec![mail(5.0, "a", None, "nobody")], "no mail address"),
        (vec![json!({"type": "complaint", "at": 1, "message": "ghost"})], "ghost"),
    ];
    for (events, expect) in rows {
        let error = format!("{:#}", house.run(&events).unwrap_err());
        assert!(error.contains(expect), "{error}");
    }
    fs::write(
        house.path("trace.jsonl"),
        "{\"type\":\"trace\",\"version\":1,\"starts\":\"2024-02-05T00:00:00Z\"}\n",
    )
    .unwrap();
    let cut = replay(&house.path("postern.toml"), &house.path("trace.jsonl"), &house.path("d"));
    assert!(format!("{:#}", cut.unwrap_err()).contains("end"));
}
