//! What the demo shows: a live view on a terminal, plain lines elsewhere, a summary at the end.

use std::fmt::Write;
use std::io::{IsTerminal, Write as _, stdout};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use postern_mail::CustomerId;
use postern_queue::Selector;
use tokio::time::{Instant, sleep};

use super::house::{self, CUSTOMERS, VICTIM};
use super::ledger::{Figures, Ledger};
use super::{SPAN, traffic};
use crate::relay::Relay;

/// Shows the figures as they change.
pub(super) struct View {
    relay: Arc<Relay>,
    ledger: Arc<Ledger>,
    begun: Instant,
    terminal: bool,
    /// Lines of the last picture, to be overwritten.
    lines: usize,
}

impl View {
    /// Looks at these.
    pub(super) fn new(relay: Arc<Relay>, ledger: Arc<Ledger>, begun: Instant) -> Self {
        Self { relay, ledger, begun, terminal: stdout().is_terminal(), lines: 0 }
    }

    /// What is going to happen.
    pub(super) fn introduce(&self) {
        say(&format!(
            "Postern demo: {CUSTOMERS} shops send through a relay on loopback for {} seconds.\n\
             In a moment a script of customer {} is taken over and mails 50 strangers a second;\n\
             the shop around it goes on selling. The relay knows none of them from before.\n",
            SPAN.as_secs(),
            house::id(VICTIM),
        ));
    }

    /// Shows until `end`.
    pub(super) async fn follow(&mut self, end: Instant) {
        let every = Duration::from_millis(if self.terminal { 200 } else { 3000 });
        while Instant::now() < end {
            sleep(every.min(end - Instant::now())).await;
            self.show();
        }
    }

    fn show(&mut self) {
        let (shops, webshell) = self.ledger.figures();
        if !self.terminal {
            let at = self.begun.elapsed().as_secs();
            return say(&format!("{at:>3} s  shops: {}; webshell: {}", of(&shops), of(&webshell)));
        }
        let picture = self.picture(&shops, &webshell);
        let up = match self.lines {
            0 => String::new(),
            lines => format!("\x1b[{lines}A"),
        };
        self.lines = picture.lines().count();
        let clean: String = picture.lines().fold(String::new(), |mut all, line| {
            all.push_str(line);
            all.push_str("\x1b[K\n");
            all
        });
        print(&format!("{up}{clean}"));
    }

    fn picture(&self, shops: &Figures, webshell: &Figures) -> String {
        let done = self.begun.elapsed().min(SPAN);
        let full = (done.as_millis() * 40 / SPAN.as_millis()) as usize;
        let counts = self.relay.queue.counts();
        let counters = &self.relay.counters;
        format!(
            "  {}{}  {:>2} of {} s\n\n\
             {:20}{:>9}{:>11}{:>11}{:>9}{:>9}\n\
             {:20}{:>9}{:>11}{:>11}{:>9}{:>7.2} s\n\
             {:20}{:>9}{:>11}{:>11}{:>9}\n\n\
             \x20 relay: forwarded {}, refused {}, queued {}, paced {}, held {}, quarantined {}\n",
            "█".repeat(full),
            "░".repeat(40 - full),
            done.as_secs(),
            SPAN.as_secs(),
            "",
            "sent",
            "upstream",
            "kept back",
            "refused",
            "slowest",
            "  shops",
            shops.sent,
            shops.arrived,
            shops.kept(),
            shops.refused,
            shops.slowest.as_secs_f32(),
            "  webshell",
            webshell.sent,
            webshell.arrived,
            webshell.kept(),
            webshell.refused,
            counters.forwarded.value(),
            counters.refused.value(),
            counts.queued,
            counts.paced,
            counts.held,
            counts.quarantined,
        )
    }

    /// What came of it, and how to look at it.
    pub(super) async fn summarise(&self, config: &Path, keep: bool) {
        let (shops, webshell) = self.ledger.figures();
        let victim = house::id(VICTIM);
        let mut text = format!(
            "\nShops: {} order mails sent, {} at the upstream, {} kept back, {} refused; the slowest took {:.2} s.\n\
             Webshell ({victim}, script:{}): {} sent, escaped: {}, kept back: {}, refused: {}.\n\n",
            shops.sent,
            shops.arrived,
            shops.kept(),
            shops.refused,
            shops.slowest.as_secs_f32(),
            traffic::WEBSHELL,
            webshell.sent,
            webshell.arrived,
            webshell.kept(),
            webshell.refused,
        );
        text.push_str(if keep {
            "The relay stays until Ctrl-C. Look at what it holds, from another terminal:\n\n"
        } else {
            "With `postern demo --keep` the relay stays, and these show what it holds:\n\n"
        });
        for command in self.commands(config, &victim).await {
            // A String takes every write.
            let _ = writeln!(text, "    {command}");
        }
        say(&text);
    }

    async fn commands(&self, config: &Path, victim: &str) -> Vec<String> {
        let postern = own_name();
        let config = config.display();
        let one = Selector {
            customer: Some(CustomerId::new(victim)),
            limit: Some(1),
            ..Selector::default()
        };
        let kept = self.relay.queue.list(&one).await.unwrap_or_default();
        let mut verbs = vec!["status".to_owned(), format!("quarantine list --customer {victim}")];
        verbs.extend(kept.first().map(|item| format!("quarantine show {}", item.submission.id)));
        verbs.push(format!(
            "quarantine refuse --customer {victim} --reason 'site was hacked' --dry-run"
        ));
        verbs.iter().map(|verb| format!("{postern} {verb} --config {config}")).collect()
    }
}

/// How this program is called from the present folder.
fn own_name() -> String {
    let (Ok(program), Ok(here)) = (std::env::current_exe(), std::env::current_dir()) else {
        return "postern".to_owned();
    };
    match program.strip_prefix(here) {
        Ok(below) => format!("./{}", below.display()),
        Err(_) => program.display().to_string(),
    }
}

fn of(f: &Figures) -> String {
    let (sent, arrived, refused) = (f.sent, f.arrived, f.refused);
    format!("{sent} sent, {arrived} at the upstream, {} kept back, {refused} refused", f.kept())
}

fn say(text: &str) {
    print(&format!("{text}\n"));
}

/// A closed standard output ends nothing.
fn print(text: &str) {
    let mut out = stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
