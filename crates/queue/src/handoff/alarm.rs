//! One timer for all waits of a connection.
//!
//! A timer that is set anew for each read costs the runtime a registration and often a wake-up of
//! its driver, a system call. Deadlines mostly move on, so this one stays as it is, goes off
//! too early once in a while, and only then is set to the deadline that holds by then.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

pub(super) struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    /// `first` is a guess at the first deadline.
    pub(super) fn new(first: Instant) -> Self {
        Self(Box::pin(sleep_until(first)))
    }

    /// The result of `work`; none when that takes until `deadline`.
    pub(super) async fn until<F: Future>(
        &mut self,
        deadline: Instant,
        work: F,
    ) -> Option<F::Output> {
        let mut work = pin!(work);
        poll_fn(|context| {
            if let Poll::Ready(output) = work.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            if self.0.deadline() > deadline {
                self.0.as_mut().reset(deadline);
            }
            loop {
                ready!(self.0.as_mut().poll(context));
                if self.0.deadline() >= deadline {
                    return Poll::Ready(None);
                }
                self.0.as_mut().reset(deadline);
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn goes_off_at_the_deadline_of_the_wait() {
        let start = Instant::now();
        let mut alarm = Alarm::new(start + Duration::from_secs(5));
        // Later than set, earlier than set, and after it went off unheard.
        for (rest, wait) in [(0, 20), (0, 3), (100, 7), (1, 600), (0, 30)] {
            sleep(Duration::from_secs(rest)).await;
            let from = Instant::now();
            let wait = Duration::from_secs(wait);
            assert_eq!(alarm.until(from + wait, async { 1 }).await, Some(1));
            assert_eq!(alarm.until(from + wait, pending::<()>()).await, None);
            assert!(from.elapsed() >= wait && from.elapsed() < wait + Duration::from_millis(5));
        }
    }
}
