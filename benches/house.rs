//! The built relay, or the floor, as a process of its own.

use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::load::{CUSTOMERS, address};

/// A running process; ends with this value.
pub struct House {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    _folder: Option<TempDir>,
}

impl House {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary: `POSTERN`, else the release build.
pub fn binary() -> Result<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let path = std::env::var_os("POSTERN").map_or(target.join("release/postern"), PathBuf::from);
    path.canonicalize().with_context(|| {
        format!("no {}: cargo build --release, or name one with POSTERN", path.display())
    })
}

/// `postern serve` with everything on, in observe mode: 200 customers at full speed are what it
/// would rightly hold.
pub async fn relay(upstream: SocketAddr, handoff: &str) -> Result<House> {
    let folder = tempfile::Builder::new().prefix("postern-bench-").tempdir()?;
    let port = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let config = folder.path().join("postern.toml");
    std::fs::create_dir(folder.path().join("data"))?;
    std::fs::write(folder.path().join("customers.jsonl"), directory()?)?;
    std::fs::write(
        &config,
        format!(
            r#"mode = "observe"
hostname = "relay.example.test"
data_dir = "data"
handoff = "{handoff}"
[[listener]]
address = "127.0.0.1:{port}"
[customers]
directory = "customers.jsonl"
[limits]
connections_per_peer = 20000
[pool.main]
servers = ["{upstream}"]
tls = "off"
"#
        ),
    )?;
    let log = std::fs::File::create(folder.path().join("log"))?;
    let child = Command::new(binary()?)
        .args(["serve", "--config"])
        .arg(&config)
        .stderr(log)
        .stdin(Stdio::null())
        .spawn()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut house = House { address, child, _folder: Some(folder) };
    for _ in 0..100 {
        if TcpStream::connect(address).await.is_ok() {
            return Ok(house);
        }
        if let Some(status) = house.child.try_wait()? {
            bail!("postern serve ended with {status}");
        }
        sleep(Duration::from_millis(50)).await;
    }
    bail!("postern serve does not listen")
}

/// The floor: this very program, started again with `--floor UPSTREAM`.
pub fn floor(upstream: SocketAddr) -> Result<House> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["--floor", &upstream.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    let out = child.stdout.take().context("the floor has no output")?;
    BufReader::new(out).read_line(&mut line)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, line.trim().parse()?));
    Ok(House { address, child, _folder: None })
}

fn directory() -> Result<String> {
    let mut lines = String::new();
    for n in 0..CUSTOMERS {
        writeln!(
            lines,
            r#"{{"id":"c{n}","name":"Customer {n}","reseller":null,"plan":"M","since":"2020-01-01","domains":["c{n}.example"],"networks":["{}/32"],"logins":[],"certs":[]}}"#,
            address(n)
        )?;
    }
    Ok(lines)
}
