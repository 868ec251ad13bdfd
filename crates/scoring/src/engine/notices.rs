//! Automatic replies and delivery reports: a lane of their own, counted against nobody's mail.

use postern_mail::{Decision, Verb};

use super::Engine;
use super::judge::{hit, refuse};
use super::meet::Mail;
use crate::rules;

impl Engine {
    /// One reply to a recipient a day, and no more of them than letters that a mailbox gets.
    /// Refusing one loses nothing: it is nobody's letter, and nobody is told of it.
    pub(super) fn notice(&mut self, mail: &Mail<'_>) -> Decision {
        let settings = std::sync::Arc::clone(&self.settings);
        let notices = &settings.notices;
        let now = mail.now;
        let marks = mail.facts.marks;
        let origin = self.origin(mail);
        if marks.report {
            let sums = origin.replies.add(mail.counted, now);
            let mut decision = Decision::forward(mail.lane);
            if sums.hour > notices.reports_hour {
                let gap = std::time::Duration::from_secs(3600) / notices.reports_hour.max(1);
                origin.next_paced = origin.next_paced.max(now).plus(gap);
                decision.verb = Verb::Pace;
                decision.until = Some(origin.next_paced);
                let why =
                    format!("{} reports in an hour, limit {}", sums.hour, notices.reports_hour);
                decision.hits.push(hit(rules::REPLY_FLOOD, 100, why));
            }
            return decision;
        }
        origin.replied.retain(|_, at| now.since(*at) < notices.reply_gap);
        let repeated = mail.all.iter().all(|who| origin.replied.contains_key(who));
        if repeated && !mail.all.is_empty() {
            let hours = notices.reply_gap.as_secs() / 3600;
            let why = format!("it had an automatic reply within {hours} h already");
            return refuse(mail, rules::REPLY_REPEATED, why, "One automatic reply a day is enough");
        }
        let sums = origin.replies.sums(now);
        if sums.hour >= notices.replies_hour || sums.day >= notices.replies_day {
            let why = format!(
                "{} automatic replies in an hour, limit {}; {} in a day, limit {}",
                sums.hour, notices.replies_hour, sums.day, notices.replies_day
            );
            let text = "Too many automatic replies: they answer forged senders";
            return refuse(mail, rules::REPLY_FLOOD, why, text);
        }
        origin.replies.add(1, now);
        for who in &mail.all {
            origin.replied.insert(*who, now);
        }
        Decision::forward(mail.lane)
    }
}
