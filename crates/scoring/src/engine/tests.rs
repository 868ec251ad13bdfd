//! The engine on small streams: what is held, freed, condemned, and for whom.

use std::collections::BTreeMap;
use std::sync::Arc;

use postern_mail::{
    Client, Customer, CustomerId, Directory, Envelope, Identity, Login, MessageId, Method, Origin,
    Recipient, Submission, Timestamp, Verb,
};

use super::*;
use crate::act::{Fate, Judgement, Lesson};
use crate::examine;
use crate::facts::Facts;

const DAY: u64 = 86_400;
/// 2024-02-05, a Monday.
const START: u64 = 1_707_087_600;

struct House {
    engine: Engine,
    sent: u32,
    acts: Vec<Act>,
}

fn customer(id: &str, since_day: u32) -> Customer {
    Customer {
        id: CustomerId::new(id),
        name: id.to_owned(),
        reseller: None,
        plan: "M".into(),
        since_day,
        domains: vec![format!("{id}.example").into()],
        networks: Vec::new(),
        logins: vec![Login { login: format!("info@{id}.example").into(), origin: None }],
        certs: Vec::new(),
        limits: BTreeMap::new(),
    }
}

fn house() -> House {
    let directory = Directory::build(vec![customer("a", 100), customer("b", 100)]).unwrap();
    let engine = Engine::new(Arc::new(Settings::default()), Arc::new(directory), 7);
    House { engine, sent: 0, acts: Vec::new() }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis((START + seconds) * 1000)
}

fn script(path: &str) -> Identity {
    Identity {
        customer: Some(CustomerId::new("a")),
        reseller: None,
        origin: Origin::script(path),
        method: Method::Xclient,
    }
}

const SHOP: &str = "/srv/a/vendor/mailer.php";
const NEW: &str = "/srv/a/plugins/news/send.php";
const PLAIN: &str = "From: Shop <info@a.example>\r\nSubject: Neuigkeiten\r\n\r\nGuten Tag, wir haben wieder \
                     geöffnet und freuen uns auf Ihren Besuch im Laden.\r\n";

impl House {
    /// Sends one message and gives what was decided; timers that are due fire before.
    fn send(
        &mut self,
        seconds: u64,
        who: &Identity,
        to: &str,
        octets: &str,
    ) -> (MessageId, Judgement) {
        let now = at(seconds);
        while let Some(due) = self.engine.due().filter(|due| *due <= now) {
            self.acts.extend(self.engine.tick(due));
        }
        self.sent += 1;
        let envelope = Envelope {
            mail_from: Some("info@a.example".parse().unwrap()),
            recipients: vec![Recipient::new(to.parse().unwrap())],
            ..Envelope::default()
        };
        let facts: Facts = examine(octets.as_bytes(), 9, &envelope, &Settings::default());
        let id = MessageId::new(now, self.sent);
        let submission = Submission {
            id,
            received_at: now,
            identity: who.clone(),
            client: Client {
                ip: "10.20.0.1".parse().unwrap(),
                helo: "web".into(),
                tls: true,
                esmtp: true,
                queues: false,
            },
            envelope,
            size: 9,
        };
        let judgement = self.engine.judge(&submission, &facts, now);
        self.acts.extend(judgement.acts.clone());
        if judgement.decision.verb == Verb::Forward {
            self.engine.learn(&Lesson::Forwarded { message: id }, now);
        }
        (id, judgement)
    }

    fn fate(&mut self, seconds: u64, message: MessageId, recipient: &str, class: Fate) {
        let lesson = Lesson::Feedback { message, recipient: recipient.to_owned(), class };
        let acts = self.engine.learn(&lesson, at(seconds));
        self.acts.extend(acts);
    }

    fn until(&mut self, seconds: u64) {
        while let Some(due) = self.engine.due().filter(|due| *due <= at(seconds)) {
            self.acts.extend(self.engine.tick(due));
        }
    }

    /// A week of a shop: an order mail an hour to somebody new, all delivered.
    fn week(&mut self) {
        for hour in 0..7 * 24 {
            let to = format!("buyer{hour}@d.example");
            let (id, judged) = self.send(hour * 3600, &script(SHOP), &to, PLAIN);
            assert_eq!(judged.decision.verb, Verb::Forward);
            self.fate(hour * 3600 + 30, id, &to, Fate::Delivered);
        }
    }

    /// A burst of one message a second; gives the verbs.
    fn burst(&mut self, from: u64, who: &Identity, count: u64, fate: Fate) -> Vec<Verb> {
        let mut verbs = Vec::new();
        for i in 0..count {
            let to = format!("stranger{from}x{i}@d.example");
            let (id, judged) = self.send(from + i, who, &to, PLAIN);
            verbs.push(judged.decision.verb);
            if judged.decision.verb == Verb::Forward {
                self.fate(from + i, id, &to, fate);
            }
        }
        verbs
    }

    fn released(&self) -> usize {
        self.acts.iter().filter(|act| matches!(act, Act::Release { .. })).count()
    }
}

fn count(verbs: &[Verb], verb: Verb) -> usize {
    verbs.iter().filter(|v| **v == verb).count()
}

#[test]
fn an_honest_burst_is_held_once_and_then_has_room() {
    let mut house = house();
    house.week();
    let begin = 7 * DAY;
    let verbs = house.burst(begin, &script(SHOP), 120, Fate::Delivered);
    assert_eq!(count(&verbs, Verb::Forward), 15, "the limit of a settled script");
    assert_eq!(count(&verbs, Verb::Hold), 105);
    assert_eq!(house.released(), 0);
    house.until(begin + 200);
    assert!(house.released() > 0, "nothing spoke against it");
    let verbs = house.burst(begin + 600, &script(SHOP), 60, Fate::Delivered);
    assert_eq!(count(&verbs, Verb::Forward), 60, "earned room");
    assert!(house.engine.cases().is_empty());
}

#[test]
fn a_burst_whose_mail_bounces_is_condemned_and_the_shop_goes_on_selling() {
    let mut house = house();
    house.week();
    let begin = 7 * DAY;
    let verbs = house.burst(begin, &script(NEW), 300, Fate::UnknownUser);
    let escaped = count(&verbs, Verb::Forward);
    assert!(escaped <= 20, "{escaped} escaped");
    assert!(count(&verbs, Verb::Quarantine) > 200);
    let cases = house.engine.cases();
    assert_eq!(cases.len(), 1, "one cause, one case");
    assert_eq!(cases[0].origins[0].1, Origin::script(NEW));
    let suspensions = house.engine.suspensions();
    assert_eq!(suspensions.len(), 1);
    assert_eq!(house.engine.suspension_count(), 1);
    assert_eq!(house.engine.suspensions_of(&suspensions[0].customer), suspensions);
    assert_eq!(house.engine.suspensions_of(&CustomerId::new("nobody")), []);
    assert_eq!(house.engine.open_case_count(), 1);
    assert_eq!(house.engine.cases_of(&suspensions[0].customer), cases);
    let (_, order) = house.send(begin + 301, &script(SHOP), "late@d.example", PLAIN);
    assert_eq!(order.decision.verb, Verb::Forward);
    let snapshot = house.engine.snapshot();
    house.engine.restore(&snapshot, at(begin + 302)).unwrap();
    house.burst(begin + 303, &script(NEW), 5, Fate::UnknownUser);
    let grown = house.engine.cases();
    assert_eq!(grown.len(), 1, "a restart opens no second case");
    assert!(grown[0].messages > cases[0].messages);
}

#[test]
fn doubt_lets_few_go_and_their_fate_decides() {
    let mut house = house();
    house.week();
    let begin = 7 * DAY;
    // Nothing becomes known of the first ones.
    let verbs = house.burst(begin, &script(NEW), 200, Fate::Greylisted);
    assert_eq!(count(&verbs, Verb::Forward), 10, "the limit of a new script");
    house.until(begin + 181);
    assert_eq!(house.released(), 1, "one probe");
    assert!(house.engine.cases().is_empty());
    house.until(begin + 920);
    assert!(house.released() > 2, "doubt ends in favour of the sender");
}

#[test]
fn a_suspended_script_still_tells_its_owner() {
    let mut house = house();
    house.week();
    let begin = 7 * DAY;
    let verbs = house.burst(begin, &script(SHOP), 60, Fate::UnknownUser);
    assert!(count(&verbs, Verb::Forward) <= 20 && verbs.ends_with(&[Verb::Quarantine]));
    let (_, owner) = house.send(begin + 70, &script(SHOP), "info@a.example", PLAIN);
    assert_eq!(owner.decision.verb, Verb::Forward);
    for to in ["nobody@d.example", "buyer3@d.example"] {
        let (_, other) = house.send(begin + 71, &script(SHOP), to, PLAIN);
        assert_eq!(other.decision.verb, Verb::Quarantine, "{to}");
    }
}

#[test]
fn a_from_of_another_customer_is_refused() {
    let mut house = house();
    let forged = PLAIN.replace("info@a.example", "service@b.example");
    let (_, judged) = house.send(0, &script(SHOP), "x@d.example", &forged);
    assert_eq!(judged.decision.verb, Verb::Refuse);
    assert!(judged.decision.case.is_some());
    let (_, own) = house.send(1, &script(SHOP), "x@a.example", &forged);
    assert_eq!(own.decision.verb, Verb::Forward, "a form that mails its own owner");
}

#[test]
fn a_from_in_any_form_is_seen() {
    let rows = [
        "From: x@a.example\r\nFrom: board@b.example\r\n",
        "From: x@a.example, board@b.example\r\n",
        "From: board(c)@(c)b.example\r\n",
        " From: board@b.example\r\n",
        "From: x@a.example\r\nSender: board@b.example\r\n",
        "From: board@mail.b.example\r\n",
        "From: \"Board\"\r\n <board@b.example>\r\n",
    ];
    for from in rows {
        let mut house = house();
        let octets = format!("{from}Subject: x\r\n\r\nhello\r\n");
        let (_, judged) = house.send(0, &script(SHOP), "x@d.example", &octets);
        assert_eq!(judged.decision.verb, Verb::Refuse, "{from}");
    }
}

#[test]
fn a_webshell_that_renames_itself_is_one_origin() {
    for known in [false, true] {
        let mut house = house();
        let begin = if known { 7 * DAY } else { 0 };
        if known {
            house.week();
        }
        let mut verbs = Vec::new();
        for i in 0..300 {
            let who = script(&format!("/srv/a/s{i}.php"));
            let to = format!("victim{i}@d.example");
            let (id, judged) = house.send(begin + i / 20, &who, &to, PLAIN);
            verbs.push(judged.decision.verb);
            house.fate(begin + i / 20, id, &to, Fate::UnknownUser);
        }
        let escaped = count(&verbs, Verb::Forward);
        assert!(escaped <= 20, "{escaped} escaped, known {known}");
        assert!(house.engine.cases().len() <= 3, "{:?}", house.engine.cases().len());
        let (_, order) = house.send(begin + 100, &script(SHOP), "late@d.example", PLAIN);
        assert_eq!(order.decision.verb == Verb::Forward, known, "the shop goes on selling");
    }
}

#[test]
fn an_allowance_frees_what_waits_and_what_comes() {
    let mut house = house();
    house.week();
    let begin = 7 * DAY;
    let verbs = house.burst(begin, &script(NEW), 60, Fate::Greylisted);
    assert!(count(&verbs, Verb::Hold) > 40);
    let lesson = Lesson::Allowance {
        customer: CustomerId::new("a"),
        recipients: 1000,
        from: at(begin),
        until: at(begin + 3600),
    };
    let acts = house.engine.learn(&lesson, at(begin + 61));
    let spread = acts.iter().find_map(|act| match act {
        Act::Release { spread, .. } => Some(spread.as_secs()),
        _ => None,
    });
    assert_eq!(spread, Some(3600 - 61), "spread over the granted time");
    let verbs = house.burst(begin + 100, &script(NEW), 100, Fate::Greylisted);
    assert_eq!(count(&verbs, Verb::Forward), 100);
}

#[test]
fn a_person_suspends_and_resumes() {
    let mut house = house();
    let who = CustomerId::new("a");
    let suspend = Lesson::Suspend { customer: who.clone(), origin: None, reason: "fraud".into() };
    house.engine.learn(&suspend, at(0));
    let (_, judged) = house.send(1, &script(SHOP), "x@d.example", PLAIN);
    assert_eq!(judged.decision.verb, Verb::Refuse);
    let client = Client {
        ip: "10.20.0.1".parse().unwrap(),
        helo: String::new(),
        tls: false,
        esmtp: true,
        queues: false,
    };
    let text = house.engine.admit(&script(SHOP), &client, at(1)).unwrap().text.unwrap();
    assert!(
        text.starts_with("All mail of this customer is suspended since 2024-02-04 23:00"),
        "{text}"
    );
    house.engine.learn(&Lesson::Resume { customer: who, origin: None }, at(2));
    assert!(house.engine.admit(&script(SHOP), &client, at(3)).is_none());
    let (_, judged) = house.send(3, &script(SHOP), "x@d.example", PLAIN);
    assert_eq!(judged.decision.verb, Verb::Forward);
}

#[test]
fn a_restored_engine_goes_on_as_if_nothing_had_happened() {
    let run = |restart: bool| {
        let mut house = house();
        house.week();
        house.burst(7 * DAY, &script(NEW), 40, Fate::Delivered);
        if restart {
            let snapshot = house.engine.snapshot();
            let directory = Arc::clone(&house.engine.directory);
            house.engine = Engine::new(Arc::new(Settings::default()), directory, 99);
            house.engine.restore(&snapshot, at(7 * DAY)).unwrap();
            assert_eq!(house.engine.snapshot(), snapshot, "nothing is lost on the way");
        }
        let verbs = house.burst(7 * DAY + 40, &script(NEW), 400, Fate::UnknownUser);
        (verbs, house.acts, house.engine.snapshot())
    };
    assert!(run(false) == run(true));
    let mut house = house();
    assert!(house.engine.restore(b"{\"version\":99}", at(0)).is_err());
    assert!(house.engine.restore(b"nonsense", at(0)).is_err());
}

#[test]
fn a_snapshot_from_the_future_is_refused() {
    let mut house = house();
    house.engine.tick(at(DAY));
    let snapshot = house.engine.snapshot();
    assert!(house.engine.restore(&snapshot, at(DAY - 600)).is_ok());
    let error = house.engine.restore(&snapshot, at(DAY - 601)).unwrap_err().to_string();
    let written = at(DAY).to_string();
    assert!(error.contains(&written) && error.contains("the clock says"), "{error}");
}
