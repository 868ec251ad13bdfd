mod chance;
mod fake;
mod faults;
mod links;
mod secure;
mod tcp;

use std::sync::Arc;
use std::time::Duration;

use postern_mail::{Address, Clock, Content, Envelope, Recipient, Timestamp};

use self::fake::{Act, Fake, FakeDial, Rule};
use super::*;
use crate::UpstreamTls;

const CONTENT: &[u8] = b"Subject: x\r\n\r\nbody\r\n.dot\r\n";
/// As it arrives, dots stuffed.
const WIRE: &[u8] = b"Subject: x\r\n\r\nbody\r\n..dot\r\n";

const A: &str = "a.example:25";
const B: &str = "b.example:25";

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_554_000_000)
    }
}

fn pool(servers: &[&str]) -> PoolSettings {
    PoolSettings {
        name: "main".to_owned(),
        servers: servers.iter().map(|server| (*server).to_owned()).collect(),
        tls: UpstreamTls::Off,
        ca: None,
        ehlo_name: "me.example".to_owned(),
        connections_per_server: 3,
        messages_per_connection: 100,
        idle_timeout: Duration::from_secs(60),
        connect_timeout: Duration::from_secs(10),
        reply_timeout: Duration::from_secs(30),
        data_reply_timeout: Duration::from_secs(600),
    }
}

fn handoff(fake: &Arc<Fake>, pool: PoolSettings) -> Handoff {
    let dial = Box::new(FakeDial(Arc::clone(fake)));
    Handoff::with_dial(vec![pool], Arc::new(Still), 1, dial).unwrap()
}

fn rule(server: &'static str, place: &'static str, act: Act) -> Rule {
    Rule { server, place, act, times: usize::MAX }
}

fn once(server: &'static str, place: &'static str, act: Act) -> Rule {
    Rule { server, place, act, times: 1 }
}

fn envelope(recipients: usize) -> Arc<Envelope> {
    let address = |text: String| Address::parse(&text).unwrap();
    Arc::new(Envelope {
        mail_from: Some(address("s@c.example".to_owned())),
        recipients: (1..=recipients)
            .map(|n| Recipient::new(address(format!("r{n}@d.example"))))
            .collect(),
        ..Envelope::default()
    })
}

async fn send(handoff: &Handoff, recipients: usize) -> Delivery {
    let content: Arc<dyn Content> = Arc::new(CONTENT.to_vec());
    handoff.deliver("main", "customer", envelope(recipients), content).await
}

/// In one word each.
fn words(delivery: &Delivery) -> Vec<String> {
    let word = |outcome: &Outcome| match outcome {
        Outcome::Accepted => "accepted".to_owned(),
        Outcome::Refused(reply) => format!("refused {}", reply.code),
        Outcome::Later(Later::Reply(reply)) => format!("later {}", reply.code),
        Outcome::Later(Later::Trouble(text)) => format!("later: {text}"),
    };
    delivery.outcomes.iter().map(word).collect()
}
