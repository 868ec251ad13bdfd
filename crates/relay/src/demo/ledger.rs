//! What was sent, answered and seen at the upstream: the demo's own books, which the relay cannot see.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// A shop.
    Shop,
    /// The script that was taken over.
    Webshell,
}

/// The figures of one kind of sender.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Figures {
    /// Sent so far, answered or not.
    pub(super) sent: u64,
    /// Answered 2xx.
    pub(super) accepted: u64,
    /// Answered 4xx or 5xx.
    pub(super) refused: u64,
    /// Seen at the upstream.
    pub(super) arrived: u64,
    /// The longest way to the upstream.
    pub(super) slowest: Duration,
}

impl Figures {
    /// Accepted, and not at the upstream.
    pub(super) fn kept(&self) -> u64 {
        self.accepted.saturating_sub(self.arrived)
    }
}

#[derive(Default)]
struct Books {
    under_way: HashMap<u64, (Sender, Instant)>,
    next: u64,
    shops: Figures,
    webshell: Figures,
}

impl Books {
    fn of(&mut self, sender: Sender) -> &mut Figures {
        match sender {
            Sender::Shop => &mut self.shops,
            Sender::Webshell => &mut self.webshell,
        }
    }
}

/// The books. A message is known by the number in its Message-ID.
#[derive(Default)]
pub(super) struct Ledger(Mutex<Books>);

impl Ledger {
    /// A message is about to be sent; its number.
    pub(super) fn sent(&self, sender: Sender, now: Instant) -> u64 {
        let books = &mut *self.0.lock();
        books.next += 1;
        books.under_way.insert(books.next, (sender, now));
        books.of(sender).sent += 1;
        books.next
    }

    /// The relay has answered.
    pub(super) fn answered(&self, sender: Sender, code: u16) {
        let books = &mut *self.0.lock();
        match code {
            200..300 => books.of(sender).accepted += 1,
            _ => books.of(sender).refused += 1,
        }
    }

    /// The upstream has it. A second copy is not counted.
    pub(super) fn arrived(&self, number: u64, now: Instant) {
        let books = &mut *self.0.lock();
        if let Some((sender, since)) = books.under_way.remove(&number) {
            let figures = books.of(sender);
            figures.arrived += 1;
            figures.slowest = figures.slowest.max(now - since);
        }
    }

    /// The figures so far: shops, webshell.
    pub(super) fn figures(&self) -> (Figures, Figures) {
        let books = self.0.lock();
        (books.shops, books.webshell)
    }
}

/// The Message-ID of a message.
pub(super) fn message_id(number: u64, domain: &str) -> String {
    format!("Message-ID: <{number}@{domain}>\r\n")
}

/// The number in a message's Message-ID.
pub(super) fn number(head: &[u8]) -> Option<u64> {
    let head = String::from_utf8_lossy(head);
    let (_, rest) = head.split_once("\r\nMessage-ID: <")?;
    rest.split('@').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_counted_once_at_each_step() {
        let ledger = Ledger::default();
        let start = Instant::now();
        let number = ledger.sent(Sender::Shop, start);
        let head = format!("Received: x\r\n{}\r\n", message_id(number, "a.example"));
        ledger.answered(Sender::Shop, 250);
        for _ in 0..2 {
            let number = super::number(head.as_bytes()).unwrap();
            ledger.arrived(number, start + Duration::from_secs(2));
        }
        ledger.sent(Sender::Webshell, start);
        ledger.answered(Sender::Webshell, 550);
        let (shops, webshell) = ledger.figures();
        assert_eq!((shops.sent, shops.accepted, shops.arrived, shops.kept()), (1, 1, 1, 0));
        assert_eq!(shops.slowest, Duration::from_secs(2));
        assert_eq!((webshell.sent, webshell.refused, webshell.arrived), (1, 1, 0));
    }
}
