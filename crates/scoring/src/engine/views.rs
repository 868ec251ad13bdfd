//! What people ask the engine about: cases and suspensions. Mail waits meanwhile, so a question about
//! one customer looks at that one, and a count copies nothing.

use postern_mail::{CustomerId, Origin};

use super::Engine;
use crate::act::{Case, Suspension};
use crate::state::{CustomerState, Suspended};

impl Engine {
    /// Cases, oldest first.
    pub fn cases(&self) -> Vec<Case> {
        self.state.cases.values().cloned().collect()
    }

    /// Cases about a customer, oldest first.
    pub fn cases_of(&self, customer: &CustomerId) -> Vec<Case> {
        let about = |case: &&Case| case.origins.iter().any(|(of, _)| of == customer);
        self.state.cases.values().filter(about).cloned().collect()
    }

    /// Cases that nobody has closed.
    pub fn open_case_count(&self) -> usize {
        self.state.cases.values().filter(|case| !case.closed).count()
    }

    /// Who may not send, by customer and origin.
    pub fn suspensions(&self) -> Vec<Suspension> {
        let all = self.state.customers.iter();
        sorted(all.flat_map(|(customer, state)| self.of_one(customer, state)).collect())
    }

    /// Which origins of a customer may not send, and whether it may as a whole.
    pub fn suspensions_of(&self, customer: &CustomerId) -> Vec<Suspension> {
        let state = self.state.customers.get(customer);
        sorted(state.map(|state| self.of_one(customer, state).collect()).unwrap_or_default())
    }

    /// How many suspensions there are.
    pub fn suspension_count(&self) -> usize {
        self.state.customers.values().map(|state| self.standing(state).count()).sum()
    }

    fn of_one(
        &self,
        customer: &CustomerId,
        state: &CustomerState,
    ) -> impl Iterator<Item = Suspension> {
        self.standing(state).map(move |(origin, suspended)| Suspension {
            customer: customer.clone(),
            origin: origin.cloned(),
            since: suspended.since,
            until: Some(suspended.until),
            case: self.state.case_id(suspended.case),
            reason: suspended.reason.clone(),
        })
    }

    fn standing<'a>(
        &self,
        state: &'a CustomerState,
    ) -> impl Iterator<Item = (Option<&'a Origin>, &'a Suspended)> + use<'a> {
        let now = self.state.now;
        let of_origins = state.origins.iter().map(|(origin, of)| (Some(origin), &of.suspended));
        let all = of_origins.chain([(None, &state.suspended)]);
        all.filter_map(move |(origin, suspended)| {
            let suspended = suspended.as_ref().filter(|suspended| suspended.holds(now))?;
            Some((origin, suspended))
        })
    }
}

fn sorted(mut all: Vec<Suspension>) -> Vec<Suspension> {
    all.sort_by(|a, b| (&a.customer, &a.origin).cmp(&(&b.customer, &b.origin)));
    all
}
