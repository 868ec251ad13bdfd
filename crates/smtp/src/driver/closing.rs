//! Last words, so that they arrive.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use postern_mail::Reply;
use tokio::io::ReadBuf;

use super::{Driver, SCRATCH};
use crate::Gate;
use crate::stream::Pipe;

impl<G: Gate, P: Pipe> Driver<G, P> {
    /// Says the last words and closes. A client that is still sending is read for a moment: closing
    /// on unread octets makes the kernel send RST, and the last words would be lost with it.
    pub(super) async fn close(&mut self) -> io::Result<()> {
        self.flush().await?;
        let unread = !self.input.is_empty() || self.poll_unread().await;
        if unread || self.stream.is_tls() {
            self.stream.finish(LINGER).await?;
        }
        if unread {
            let mut left = LINGER_OCTETS;
            let read = async {
                while left > 0 {
                    let octets = poll_fn(|context| self.poll_discard(context)).await;
                    if octets == 0 {
                        break;
                    }
                    left = left.saturating_sub(octets);
                }
            };
            let _ = tokio::time::timeout(LINGER, read).await;
        }
        Ok(())
    }

    /// Whether octets wait to be read, without waiting for any.
    async fn poll_unread(&mut self) -> bool {
        poll_fn(|context| Poll::Ready(matches!(self.poll_discard(context), Poll::Ready(1..)))).await
    }

    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<usize> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buf = ReadBuf::new(scratch);
            let read = std::task::ready!(self.stream.poll_read(context, &mut buf));
            Poll::Ready(read.map_or(0, |()| buf.filled().len()))
        })
    }

    /// The dialogue broke off in a bug of ours: the client is told to come back.
    pub(crate) async fn give_up(&mut self, reply: &Reply) {
        reply.write(&mut self.output);
        let output = std::mem::take(&mut self.output);
        if self.stream.send(&output, LINGER).await.is_ok() {
            let _ = self.stream.finish(LINGER).await;
        }
    }
}

/// How long last words may take.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_OCTETS: usize = 1 << 20;
