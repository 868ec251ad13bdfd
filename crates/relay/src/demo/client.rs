//! A small SMTP client that waits for each reply, as scripts' mail libraries do.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// For each reply.
const PATIENCE: Duration = Duration::from_secs(20);

/// A session of a web node for one site.
pub(super) struct Client(BufReader<TcpStream>);

impl Client {
    /// Connects and names the site.
    pub(super) async fn connect(relay: SocketAddr, login: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(relay).await?;
        stream.set_nodelay(true)?;
        let mut client = Self(BufReader::new(stream));
        expect(client.reply().await?, 220)?;
        expect(client.say("EHLO web1.demo.example").await?, 250)?;
        expect(client.say(&format!("XCLIENT LOGIN={login} ADDR=192.0.2.10")).await?, 220)?;
        expect(client.say("EHLO web1.demo.example").await?, 250)?;
        Ok(client)
    }

    /// Sends one message; the code of the answer that decided. No line of `message` begins with a
    /// dot, and the last one ends with CR LF.
    pub(super) async fn send(&mut self, from: &str, to: &str, message: &str) -> io::Result<u16> {
        for line in [format!("MAIL FROM:<{from}>"), format!("RCPT TO:<{to}>"), "DATA".to_owned()] {
            let code = self.say(&line).await?;
            if code >= 400 {
                if code != 421 {
                    self.say("RSET").await?;
                }
                return Ok(code);
            }
        }
        self.say(&format!("{message}.")).await
    }

    async fn say(&mut self, line: &str) -> io::Result<u16> {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes()).await?;
        self.reply().await
    }

    async fn reply(&mut self) -> io::Result<u16> {
        loop {
            let mut line = String::new();
            timeout(PATIENCE, self.0.read_line(&mut line)).await??;
            if line.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                let code = line.get(..3).and_then(|code| code.parse().ok());
                return code.ok_or_else(|| io::ErrorKind::InvalidData.into());
            }
        }
    }
}

fn expect(code: u16, expected: u16) -> io::Result<()> {
    if code == expected { Ok(()) } else { Err(io::Error::other(format!("answered {code}"))) }
}
