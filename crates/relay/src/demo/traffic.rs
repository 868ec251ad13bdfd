//! Who sends what: shops with their regular customers, and a webshell with a list of strangers.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use postern_mail::{Clock, SystemClock};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use super::client::Client;
use super::house::{VICTIM, domain, login};
use super::ledger::{Ledger, Sender, message_id};

/// The script that sends orders, on every shop.
const SHOP_SCRIPT: &str = "/var/www/htdocs/checkout.php";
/// The one that should not be there.
pub(super) const WEBSHELL: &str = "/var/www/htdocs/wp-content/uploads/.cache.php";
/// 50 messages a second.
const GAP: Duration = Duration::from_millis(20);
/// What a shop's buyers are called; they come again.
const BUYERS: [&str; 6] = ["anna", "boris", "chiara", "dimitri", "elif", "franz"];

/// A shop: an order mail every few seconds, to one of its buyers. Never ends.
pub(super) async fn shop(customer: usize, relay: SocketAddr, ledger: Arc<Ledger>) {
    let mut rng = fastrand::Rng::with_seed(customer as u64);
    loop {
        sleep(Duration::from_millis(rng.u64(1500..6000))).await;
        let number = ledger.sent(Sender::Shop, Instant::now());
        let buyer = BUYERS[rng.usize(..BUYERS.len())];
        let to = format!("{buyer}.{customer}@mail.example");
        let text = format!(
            "Hello {buyer},\r\n\r\nthank you for your order {number}. It will be sent on Thursday.\r\n\
             You can follow it at https://www.{}/orders/{number}\r\n",
            domain(customer)
        );
        let mail = mail(customer, number, SHOP_SCRIPT, &to, &format!("Your order {number}"), &text);
        let code = match Client::connect(relay, &login(customer)).await {
            Ok(mut client) => client.send(&from(customer), &to, &mail).await,
            Err(error) => Err(error),
        };
        ledger.answered(Sender::Shop, code_of(&code));
    }
}

/// The webshell: strangers, 50 a second, from the middle of a shop that goes on selling.
pub(super) async fn burst(when: Range<Duration>, relay: SocketAddr, ledger: Arc<Ledger>) {
    let begun = Instant::now();
    sleep_until(begun + when.start).await;
    let mut beat = interval(GAP);
    beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut client = None;
    while begun.elapsed() < when.end {
        beat.tick().await;
        let number = ledger.sent(Sender::Webshell, Instant::now());
        let to = format!("user{number}@mail.example");
        let text = format!(
            "Dear customer,\r\n\r\nyour parcel {number} waits at our depot. Pay the customs fee of \
             1.99 within 24 hours:\r\nhttp://parcel-fee.example/pay?id={number}\r\n"
        );
        let subject = format!("Parcel {number}: action needed");
        let mail = mail(VICTIM, number, WEBSHELL, &to, &subject, &text);
        let code = send(&mut client, relay, &to, &mail).await;
        ledger.answered(Sender::Webshell, code_of(&code));
        if !matches!(code, Ok(code) if code != 421) {
            client = None;
        }
    }
}

/// Over the connection that is there, or a new one.
async fn send(
    client: &mut Option<Client>,
    relay: SocketAddr,
    to: &str,
    mail: &str,
) -> io::Result<u16> {
    if client.is_none() {
        *client = Some(Client::connect(relay, &login(VICTIM)).await?);
    }
    match client {
        Some(client) => client.send(&from(VICTIM), to, mail).await,
        None => Err(io::ErrorKind::NotConnected.into()),
    }
}

/// A broken session counts as not accepted.
fn code_of(answer: &io::Result<u16>) -> u16 {
    *answer.as_ref().unwrap_or(&421)
}

fn from(customer: usize) -> String {
    format!("orders@{}", domain(customer))
}

/// As PHP hands it over, with the field that the web node writes.
fn mail(customer: usize, number: u64, script: &str, to: &str, subject: &str, text: &str) -> String {
    let (from, domain) = (from(customer), domain(customer));
    let date = SystemClock::default().now().rfc5322();
    format!(
        "X-PHP-Originating-Script: 33:{script}\r\n{}From: Shop {customer} <{from}>\r\nTo: {to}\r\n\
         Subject: {subject}\r\nDate: {date}\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n{text}",
        message_id(number, &domain)
    )
}
