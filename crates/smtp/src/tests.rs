//! Sessions as a client sees them: dialogues from text files over a pipe with a paused clock, and
//! the server on loopback.

mod dialogs;
mod loopback;

use std::sync::Arc;

use parking_lot::Mutex;
use postern_mail::{Content, Envelope, NetworkMap, Recipient, Reply, read_all};

use crate::{Connection, Gate, Limits, Secured, Settings, Xclient};

/// Remembers what it was told; refuses those whose name says so.
#[derive(Default)]
struct Recorder {
    messages: Mutex<Vec<Message>>,
    events: Mutex<Vec<String>>,
}

struct Message {
    envelope: Envelope,
    content: Vec<u8>,
    head: usize,
}

impl Recorder {
    fn event(&self, text: String) {
        self.events.lock().push(text);
    }
}

fn unless(refused: bool, reply: Reply) -> Result<(), Reply> {
    if refused { Err(reply) } else { Ok(()) }
}

impl Gate for Recorder {
    type Session = ();

    fn connect(&self, connection: &Connection) -> Result<(), Reply> {
        self.event(format!("connect {}", connection.client.ip()));
        unless(connection.client.port() == 666, Reply::new(554, 7, 1, "Not you"))
    }

    fn hello(&self, (): &mut (), helo: &str, esmtp: bool) {
        self.event(format!("hello {helo} {esmtp}"));
    }

    fn secured(&self, (): &mut (), tls: &Secured) {
        self.event(format!("secured {} {:?}", tls.version, tls.certificate));
    }

    async fn auth(&self, (): &mut (), login: &str, password: &str) -> Result<(), Reply> {
        let good = (login, password) == ("u", "p");
        unless(!good, Reply::new(535, 7, 8, "Authentication failed"))
    }

    fn xclient(&self, (): &mut (), attributes: &Xclient) -> Result<(), Reply> {
        self.event(format!("xclient {:?}", attributes.login));
        Ok(())
    }

    async fn mail(&self, (): &mut (), envelope: &Envelope) -> Result<(), Reply> {
        let from = envelope.mail_from.as_ref().map_or("", |from| from.local());
        assert_ne!(from, "panic");
        unless(from == "no", Reply::new(550, 7, 1, "Suspended"))
    }

    async fn rcpt(&self, (): &mut (), _: &Envelope, recipient: &Recipient) -> Result<(), Reply> {
        unless(recipient.address.local() == "no", Reply::new(550, 1, 1, "Unknown"))
    }

    async fn message(&self, (): &mut (), envelope: Envelope, content: Arc<dyn Content>) -> Reply {
        let head = content.head().len();
        let content = read_all(content.as_ref()).unwrap();
        if envelope.mail_from.as_ref().is_some_and(|from| from.local() == "later") {
            return Reply::new(451, 3, 0, "Later");
        }
        self.messages.lock().push(Message { envelope, content, head });
        Reply::new(250, 0, 0, "Taken")
    }
}

fn settings(spill_dir: &std::path::Path) -> Settings {
    Settings {
        hostname: "mx.test".to_owned(),
        listeners: Vec::new(),
        tls: None,
        auth: true,
        xclient: NetworkMap::default(),
        limits: Limits { message_bytes: 100_000, ..Limits::default() },
        spill_dir: spill_dir.to_owned(),
    }
}
