//! The relay as the front end sees it: who may send, and what is said to those who may not.

use std::sync::Arc;

use postern_config::{Mode, ScramVerifier};
use postern_mail::{Content, Envelope, Method, Recipient, Reply, Verb};
use postern_smtp::{Connection, Gate, Proof, Salt, Secured, Xclient};
use tracing::info;

use crate::identify;
use crate::live::Live;
use crate::passwords::Verdict;
use crate::pipeline;
use crate::record::turned_away;
use crate::relay::Relay;
use crate::visitor::Visitor;
use crate::{replies, scram};

/// The relay, at its front door.
pub(crate) struct FrontDoor(pub(crate) Arc<Relay>);

impl Gate for FrontDoor {
    type Session = Visitor;

    fn connect(&self, connection: &Connection) -> Result<Visitor, Reply> {
        Ok(Visitor::new(connection))
    }

    fn hello(&self, visitor: &mut Visitor, helo: &str, esmtp: bool) {
        helo.clone_into(&mut visitor.helo);
        visitor.esmtp = esmtp;
    }

    fn secured(&self, visitor: &mut Visitor, tls: &Secured) {
        visitor.helo.clear();
        visitor.login = None;
        visitor.xclient = None;
        visitor.secured = Some(tls.clone());
    }

    async fn auth(&self, visitor: &mut Visitor, login: &str, password: &str) -> Result<(), Reply> {
        let relay = &self.0;
        let live = relay.live.load_full();
        let stored = stored(&live, login);
        let sample = live.passwords.sample(scram::pick(relay.key, login));
        match relay
            .verifier
            .verify(visitor.client_ip(), login, password, stored, sample, relay.clock.now())
            .await
        {
            Verdict::Right => {
                visitor.login = Some(login.to_owned());
                Ok(())
            }
            Verdict::Wrong => Err(failed(relay, visitor, login)),
            Verdict::Busy => Err(replies::cannot_check()),
        }
    }

    fn offers_scram(&self) -> bool {
        self.0.live.load().passwords.offers_scram()
    }

    fn salt(&self, _: &mut Visitor, login: &str) -> Result<Salt, Reply> {
        let live = self.0.live.load_full();
        let verifier = stored(&live, login).and_then(ScramVerifier::parse);
        let salt = scram::salt(self.0.key, login, verifier.as_ref(), &live.passwords);
        salt.ok_or_else(replies::cannot_check)
    }

    fn prove(&self, visitor: &mut Visitor, proof: &Proof) -> Result<[u8; 32], Reply> {
        let live = self.0.live.load_full();
        let verifier = stored(&live, &proof.login).and_then(ScramVerifier::parse);
        let ours = scram::prove(self.0.key, proof, verifier.as_ref());
        ours.ok_or_else(|| failed(&self.0, visitor, &proof.login))
    }

    fn known(&self, visitor: &mut Visitor, login: &str) {
        visitor.login = Some(login.to_owned());
    }

    fn xclient(&self, visitor: &mut Visitor, attributes: &Xclient) -> Result<(), Reply> {
        visitor.helo.clear();
        visitor.login = None;
        visitor.xclient = Some(attributes.clone());
        Ok(())
    }

    async fn mail(&self, visitor: &mut Visitor, _: &Envelope) -> Result<(), Reply> {
        let relay = &self.0;
        let live = relay.live.load_full();
        let identify = live.identify();
        let evidence = visitor.evidence();
        if identify::is_named_later(&identify, &evidence) {
            return Ok(());
        }
        let identity = identify::identify(&identify, &evidence, &[]).identity;
        if identity.method == Method::Nobody && live.refuses_unknown() {
            let may_log_in = visitor.xclient.is_none() && live.config.smtp.auth;
            let reply = if may_log_in {
                replies::authenticate(visitor.secured.is_some())
            } else {
                replies::nobody(visitor.client_ip())
            };
            return Err(turned_away(relay, visitor, reply));
        }
        let now = relay.clock.now();
        let client = visitor.client(identity.method);
        let Some(decision) = relay.engine.lock().admit(&identity, &client, now) else {
            return Ok(());
        };
        if live.config.mode == Mode::Observe {
            return Ok(());
        }
        let id = relay.ids.next(now);
        let reply = match decision.verb {
            Verb::Defer => replies::deferred(id, &decision),
            _ => replies::refused(id, &decision),
        };
        Err(turned_away(relay, visitor, reply))
    }

    async fn rcpt(
        &self,
        _: &mut Visitor,
        _: &Envelope,
        recipient: &Recipient,
    ) -> Result<(), Reply> {
        if recipient.address.domain().is_empty() {
            // A relay has no mailboxes; RFC 5321 §4.5.1 wants somebody to read this one.
            return Err(Reply::new(550, 1, 1, "No mailbox here: write to postmaster@ a domain"));
        }
        Ok(())
    }

    async fn message(
        &self,
        visitor: &mut Visitor,
        envelope: Envelope,
        content: Arc<dyn Content>,
    ) -> Reply {
        pipeline::message(&self.0, visitor, envelope, content).await
    }
}

/// The stored password. One of a login that the directory no longer has opens nothing.
fn stored<'l>(live: &'l Live, login: &str) -> Option<&'l str> {
    let owner = live.directory.by_login(login);
    live.passwords.hash(login).filter(|_| owner.is_some())
}

/// A login failed, in words that do not say why.
fn failed(relay: &Relay, visitor: &Visitor, login: &str) -> Reply {
    relay.counters.auth_failed.count();
    relay.guesses.failed(login, visitor.client_ip(), relay.clock.now());
    info!(event = "auth-failed", client = %visitor.client_ip(), login = ?login);
    replies::wrong_password()
}
