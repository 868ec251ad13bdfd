//! The floor: a relay without any check, on the same runtime, that hands each message to the
//! upstream before it answers. What it costs is what the machine takes for the work as such, so the
//! ratio to it holds where microseconds do not.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};

use crate::wire::Wire;

/// Serves until the process ends; prints the port that it took.
pub async fn serve(upstream: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?.port());
    let idle = Arc::new(Mutex::new(Vec::new()));
    loop {
        let (stream, _) = listener.accept().await?;
        let idle = idle.clone();
        tokio::spawn(async move { session(stream, upstream, &idle).await });
    }
}

type Idle = Mutex<Vec<Wire>>;

async fn session(stream: TcpStream, upstream: SocketAddr, idle: &Idle) -> io::Result<()> {
    let mut wire = Wire::new(stream)?;
    let mut out = b"220 floor ESMTP\r\n".to_vec();
    let mut envelope = Vec::new();
    loop {
        if !wire.has_more() {
            wire.write(&out).await?;
            out.clear();
        }
        let line = wire.line().await?;
        match line.get(..4).unwrap_or_default() {
            b"EHLO" => out.extend(b"250-floor\r\n250-PIPELINING\r\n250 SIZE 99999999\r\n"),
            b"MAIL" | b"RCPT" => {
                envelope.push(line);
                out.extend(b"250 2.1.0 ok\r\n");
            }
            b"DATA" => {
                out.extend(b"354 go\r\n");
                wire.write(&out).await?;
                out.clear();
                let content = wire.content().await?;
                hand_over(&envelope, &content, upstream, idle).await?;
                envelope.clear();
                out.extend(b"250 2.0.0 handed on\r\n");
            }
            b"QUIT" => return wire.write(b"221 bye\r\n").await,
            _ => out.extend(b"250 2.0.0 ok\r\n"),
        }
    }
}

async fn hand_over(
    envelope: &[Vec<u8>],
    content: &[u8],
    upstream: SocketAddr,
    idle: &Idle,
) -> io::Result<()> {
    let kept = idle.lock().pop();
    let mut wire = match kept {
        Some(wire) => wire,
        None => connect(upstream).await?,
    };
    let mut group = envelope.join(b"\r\n".as_slice());
    group.extend(b"\r\nDATA\r\n");
    wire.write(&group).await?;
    for _ in envelope {
        wire.expect(250).await?;
    }
    wire.expect(354).await?;
    wire.write(content).await?;
    wire.expect(250).await?;
    idle.lock().push(wire);
    Ok(())
}

async fn connect(upstream: SocketAddr) -> io::Result<Wire> {
    let mut wire = Wire::new(TcpStream::connect(upstream).await?)?;
    wire.expect(220).await?;
    wire.write(b"EHLO floor\r\n").await?;
    wire.expect(250).await?;
    Ok(wire)
}
