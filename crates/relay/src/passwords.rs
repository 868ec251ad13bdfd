//! Is this the password of that login? Slow on purpose, so on few threads and remembered for minutes.
//!
//! A login that does not exist costs as much time as one that does: it is checked against another
//! login's hash, and the answer is no.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use aws_lc_rs::hmac;
use parking_lot::Mutex;
use postern_config::ScramVerifier;
use postern_mail::{Origin, Timestamp};
use tokio::sync::Semaphore;

use crate::scram;

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is.
    Right,
    /// It is not, or there is no such login.
    Wrong,
    /// Too many are waiting to be checked.
    Busy,
}

/// Checks passwords against `$argon2id$…` and `$2b$…` hashes and `SCRAM-SHA-256$…` verifiers.
pub(crate) struct Verifier {
    key: hmac::Key,
    /// What was right lately: keyed hash of login, password and stored hash, and until when.
    right: Mutex<HashMap<[u8; 32], Timestamp>>,
    threads: Arc<Semaphore>,
    /// How many wait, by network.
    waiting: Mutex<HashMap<Arc<str>, usize>>,
}

impl Verifier {
    /// `secret` keys what is remembered; it never leaves the process.
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret),
            right: Mutex::default(),
            threads: Arc::new(Semaphore::new(THREADS)),
            waiting: Mutex::default(),
        }
    }

    /// Checks `password` against `hash`; `None`: there is no such login, and `sample` is checked
    /// instead for the time it takes. `client` may have a few waiting checks, so that one that
    /// guesses keeps nobody else from logging in.
    pub(crate) async fn verify(
        &self,
        client: IpAddr,
        login: &str,
        password: &str,
        hash: Option<&str>,
        sample: Option<&str>,
        now: Timestamp,
    ) -> Verdict {
        let Some(stored) = hash.or(sample) else { return Verdict::Wrong };
        let mark = self.mark(&[login, password, stored]);
        let remembered = self.right.lock().get(&mark).is_some_and(|until| *until > now);
        if remembered && hash.is_some() {
            return Verdict::Right;
        }
        let Some(_waiting) = self.wait_in_line(client) else { return Verdict::Busy };
        let permit = tokio::time::timeout(WAIT_MAX, self.threads.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Verdict::Busy };
        let (password, stored) = (password.to_owned(), stored.to_owned());
        let matches = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            is_match(&password, &stored)
        });
        if !matches.await.unwrap_or(false) || hash.is_none() {
            return Verdict::Wrong;
        }
        let mut right = self.right.lock();
        if right.len() >= REMEMBERED_MAX {
            right.clear();
        }
        right.insert(mark, now.plus(REMEMBERED_FOR));
        Verdict::Right
    }

    /// A place among those of this network that wait, until it is dropped.
    fn wait_in_line(&self, client: IpAddr) -> Option<Waiting<'_>> {
        let network = Origin::ip(client).name;
        let mut waiting = self.waiting.lock();
        let count = waiting.entry(network.clone()).or_default();
        if *count >= WAITING_PER_NETWORK_MAX {
            return None;
        }
        *count += 1;
        Some(Waiting { verifier: self, network })
    }

    /// Length before text, so that no two triples run together.
    fn mark(&self, texts: &[&str]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for text in texts {
            context.update(&(text.len() as u64).to_le_bytes());
            context.update(text.as_bytes());
        }
        let mut mark = [0; 32];
        mark.copy_from_slice(context.sign().as_ref());
        mark
    }
}

struct Waiting<'a> {
    verifier: &'a Verifier,
    network: Arc<str>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waiting = self.verifier.waiting.lock();
        if let Some(count) = waiting.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.network);
            }
        }
    }
}

/// What people behind one address type at the same moment; programs log in again later.
const WAITING_PER_NETWORK_MAX: usize = 4;
/// Checking costs up to a fifth of a second of one core: two at a time leave the rest for mail.
const THREADS: usize = 2;
/// Longer than this nobody waits for a free thread.
const WAIT_MAX: Duration = Duration::from_secs(20);
const REMEMBERED_FOR: Duration = Duration::from_secs(300);
const REMEMBERED_MAX: usize = 100_000;

fn is_match(password: &str, stored: &str) -> bool {
    if stored.starts_with("$2") {
        return bcrypt::verify(password, stored).unwrap_or(false);
    }
    if let Some(verifier) = ScramVerifier::parse(stored) {
        return scram::is_match(password, &verifier);
    }
    PasswordHash::new(stored)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PENCIL: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

    #[tokio::test]
    async fn right_wrong_and_nobody() {
        let verifier = Verifier::new(&[7; 32]);
        let bcrypt = bcrypt::hash("secret", 4).unwrap();
        let now = Timestamp::from_millis(1);
        let client = "192.0.2.1".parse().unwrap();
        let rows = [
            ("secret", Some(bcrypt.as_str()), Verdict::Right),
            ("secret", Some(bcrypt.as_str()), Verdict::Right),
            ("Secret", Some(bcrypt.as_str()), Verdict::Wrong),
            ("", Some(bcrypt.as_str()), Verdict::Wrong),
            ("secret", Some("$argon2id$broken"), Verdict::Wrong),
            ("pencil", Some(PENCIL), Verdict::Right),
            ("secret", Some(PENCIL), Verdict::Wrong),
            ("secret", None, Verdict::Wrong),
        ];
        for (password, hash, expect) in rows {
            let got =
                verifier.verify(client, "a@b.example", password, hash, Some(&bcrypt), now).await;
            assert_eq!(got, expect, "{password:?} {hash:?}");
        }
        // What was right is not right for another login, nor once the stored hash has changed.
        let other = bcrypt::hash("other", 4).unwrap();
        let changed =
            verifier.verify(client, "a@b.example", "secret", Some(&other), None, now).await;
        assert_eq!(changed, Verdict::Wrong);
    }

    #[test]
    fn one_network_has_few_places_in_line() {
        let verifier = Verifier::new(&[7; 32]);
        let (guesser, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let places: Vec<_> =
            (0..WAITING_PER_NETWORK_MAX).map(|_| verifier.wait_in_line(guesser)).collect();
        assert!(places.iter().all(Option::is_some));
        assert!(verifier.wait_in_line(guesser).is_none());
        assert!(verifier.wait_in_line(other).is_some());
        drop(places);
        assert!(verifier.wait_in_line(guesser).is_some());
        assert!(verifier.waiting.lock().is_empty());
    }
}
