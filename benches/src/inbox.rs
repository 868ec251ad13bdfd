//! What arrives in an SMTP session, cut into commands and contents: just enough of SMTP for a sink
//! and for a floor, and no check at all.

use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Something complete that has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A line, without its CR LF.
    Line(&'a [u8]),
    /// A content with its end of data, dots still stuffed: it can be sent on as it is.
    Content(&'a [u8]),
}

/// Octets of one connection.
#[derive(Debug, Default)]
pub struct Inbox {
    octets: Vec<u8>,
    from: usize,
    /// No end lies before this place.
    searched: usize,
    in_content: bool,
}

impl Inbox {
    /// Waits for more octets; `false` at the end of the stream.
    pub async fn fill(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<bool> {
        if self.from == self.octets.len() {
            self.octets.clear();
            (self.from, self.searched) = (0, 0);
        }
        self.octets.reserve(READ_OCTETS);
        Ok(stream.read_buf(&mut self.octets).await? > 0)
    }

    /// The next event that is complete.
    pub fn take(&mut self) -> Option<Event<'_>> {
        let end: &[u8] = if self.in_content { b"\r\n.\r\n" } else { b"\r\n" };
        let found = memmem::find(&self.octets[self.searched..], end);
        let Some(at) = found.map(|n| self.searched + n) else {
            self.searched = self.from.max(self.octets.len().saturating_sub(end.len() - 1));
            return None;
        };
        let from = self.from;
        (self.from, self.searched) = (at + end.len(), at + end.len());
        if self.in_content {
            self.in_content = false;
            return Some(Event::Content(&self.octets[from..self.from]));
        }
        Some(Event::Line(&self.octets[from..at]))
    }

    /// The client was told 354: a content follows. No generated one is empty, so that its end is
    /// never the first thing in it.
    pub fn expect_content(&mut self) {
        self.in_content = true;
    }
}

const READ_OCTETS: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_change_nothing() {
        let input = b"MAIL\r\nDATA\r\nab\r\n..\r\n.\r\nQUIT\r\n";
        for cut in 1..=input.len() {
            let (mut inbox, mut seen) = (Inbox::default(), Vec::new());
            for piece in input.chunks(cut) {
                inbox.octets.extend_from_slice(piece);
                while let Some(event) = inbox.take() {
                    let is_data = event == Event::Line(b"DATA");
                    seen.push(format!("{event:?}"));
                    if is_data {
                        inbox.expect_content();
                    }
                }
            }
            let expect = [
                Event::Line(b"MAIL"),
                Event::Line(b"DATA"),
                Event::Content(b"ab\r\n..\r\n.\r\n"),
                Event::Line(b"QUIT"),
            ];
            assert_eq!(seen, expect.map(|event| format!("{event:?}")), "cut {cut}");
        }
    }
}
