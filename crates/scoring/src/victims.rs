//! Recipients whom automatic mail of many customers reaches at once: somebody is bombing them.

use std::collections::{HashMap, VecDeque};

use postern_mail::{CustomerId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::known::Who;
use crate::pairs;
use crate::settings::Bombing;

/// Strangers who got automatic mail lately.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Victims {
    #[serde(with = "pairs")]
    all: HashMap<Who, Victim>,
    swept: Timestamp,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Victim {
    /// When each customer's last automatic mail came, oldest first.
    customers: VecDeque<(Timestamp, CustomerId)>,
    /// When the next paced message may go.
    next: Timestamp,
    /// So many customers when he was last found bombed.
    bombed_until: Timestamp,
}

/// What becomes of an automatic message to a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bombed {
    /// Nothing out of the ordinary.
    No,
    /// It waits until then.
    Wait {
        /// When it goes.
        until: Timestamp,
        /// Customers within the span.
        customers: u32,
    },
    /// Too many wait already.
    Full {
        /// Customers within the span.
        customers: u32,
    },
}

impl Victims {
    /// Automatic mail of the customer to somebody it has not written to for long.
    pub(crate) fn mail(
        &mut self,
        who: Who,
        customer: &CustomerId,
        now: Timestamp,
        settings: &Bombing,
    ) -> Bombed {
        self.sweep(now, settings);
        let victim = self.all.entry(who).or_default();
        let customers = &mut victim.customers;
        customers.retain(|(at, known)| now.since(*at) <= settings.span && known != customer);
        customers.push_back((now, customer.clone()));
        if customers.len() > CUSTOMERS_MAX {
            customers.pop_front();
        }
        let count = customers.len() as u32;
        if count > settings.customers {
            victim.bombed_until = now.plus(settings.span);
        } else if victim.bombed_until <= now {
            return Bombed::No;
        }
        let until = victim.next.max(now.plus(settings.gap));
        let waiting = until.since(now).as_millis() / settings.gap.as_millis().max(1);
        if waiting > u128::from(settings.waiting_max) {
            return Bombed::Full { customers: count };
        }
        victim.next = until.plus(settings.gap);
        Bombed::Wait { until, customers: count }
    }

    fn sweep(&mut self, now: Timestamp, settings: &Bombing) {
        let full = self.all.len() > VICTIMS_MAX;
        if now.since(self.swept) >= settings.span || full {
            self.swept = now;
            let fresh =
                |v: &Victim| v.customers.iter().any(|(at, _)| now.since(*at) <= settings.span);
            // When full, those with one customer go: a victim has many.
            self.all.retain(|_, v| {
                v.next > now || v.bombed_until > now || fresh(v) && !(full && v.customers.len() < 2)
            });
        }
    }
}

/// More customers need not be told apart.
const CUSTOMERS_MAX: usize = 64;
/// Strangers looked at at once.
const VICTIMS_MAX: usize = 300_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bombed_recipient_gets_one_a_minute_then_nothing() {
        let settings = Bombing::default();
        let mut victims = Victims::default();
        let at = |s: u64| Timestamp::from_millis(1_700_000_000_000 + s * 1000);
        let (mut passed, mut waiting, mut full) = (0, 0, 0);
        for i in 0..400_u64 {
            match victims.mail(7, &CustomerId::new(format!("k{i}")), at(i), &settings) {
                Bombed::No => passed += 1,
                Bombed::Wait { .. } => waiting += 1,
                Bombed::Full { .. } => full += 1,
            }
        }
        assert_eq!(passed, settings.customers);
        assert!((30..=37).contains(&waiting), "{waiting}");
        assert_eq!(passed + waiting + full, 400);
        for i in 0..100_u64 {
            let one = victims.mail(8, &CustomerId::new("k1"), at(400 + i), &settings);
            assert_eq!(one, Bombed::No, "one customer's mail is no bombing");
        }
    }
}
