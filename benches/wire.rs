//! The little SMTP that clients, sink and floor need: lines in, octets out, no checks.

use std::io;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A stream with what was read ahead.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Octets of `buffer` that were handed out.
    used: usize,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 << 10), used: 0 })
    }

    pub(crate) async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.write_all(octets).await
    }

    async fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.used);
        self.used = 0;
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.used..).unwrap_or_default()
    }

    /// Whether more was read than handed out: a pipelining peer waits for an answer to all of it.
    pub(crate) fn has_more(&self) -> bool {
        !self.rest().is_empty()
    }

    /// A line without its end.
    pub(crate) async fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = memmem::find(self.rest(), b"\r\n") {
                let line = self.rest().get(..end).unwrap_or_default().to_vec();
                self.used += end + 2;
                return Ok(line);
            }
            self.fill().await?;
        }
    }

    /// All octets of a content, with its dots and its end.
    pub(crate) async fn content(&mut self) -> io::Result<Vec<u8>> {
        const END: &[u8] = b"\r\n.\r\n";
        let mut from = 0;
        loop {
            let rest = self.rest().get(from..).unwrap_or_default();
            if let Some(at) = memmem::find(rest, END) {
                let end = from + at + END.len();
                let content = self.rest().get(..end).unwrap_or_default().to_vec();
                self.used += end;
                return Ok(content);
            }
            from = self.rest().len().saturating_sub(END.len() - 1);
            self.fill().await?;
        }
    }

    /// The code of a reply.
    pub(crate) async fn reply(&mut self) -> io::Result<u16> {
        loop {
            let line = self.line().await?;
            if line.get(3) != Some(&b'-') {
                let code = std::str::from_utf8(line.get(..3).unwrap_or_default()).ok();
                return Ok(code.and_then(|code| code.parse().ok()).unwrap_or_default());
            }
        }
    }

    /// The code of a reply, which must be this one.
    pub(crate) async fn expect(&mut self, code: u16) -> io::Result<()> {
        let got = self.reply().await?;
        if got == code {
            return Ok(());
        }
        Err(io::Error::other(format!("answered {got} instead of {code}")))
    }
}
