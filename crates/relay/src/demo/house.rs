//! The demo's folder: a config, a customer directory, the relay's data. It goes when the demo ends.

use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;

/// How many customers send.
pub(super) const CUSTOMERS: usize = 50;
/// The one whose site was broken into.
pub(super) const VICTIM: usize = 17;

/// The folder.
pub(super) struct House(TempDir);

impl House {
    /// A new, empty one.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(tempfile::Builder::new().prefix("postern-demo-").tempdir()?))
    }

    /// Where it is.
    pub(super) fn folder(&self) -> &Path {
        self.0.path()
    }

    /// Writes config and directory; gives back the config's path.
    pub(super) fn furnish(&self, upstream: SocketAddr) -> io::Result<PathBuf> {
        let folder = self.folder();
        std::fs::create_dir(folder.join("data"))?;
        std::fs::write(folder.join("customers.jsonl"), directory())?;
        let path = folder.join("postern.toml");
        std::fs::write(&path, config(upstream))?;
        Ok(path)
    }
}

/// Id of a customer.
pub(super) fn id(customer: usize) -> String {
    format!("c{customer:02}")
}

/// Its domain.
pub(super) fn domain(customer: usize) -> String {
    format!("shop{customer:02}.example")
}

/// The account under which its site sends.
pub(super) fn login(customer: usize) -> String {
    format!("c{customer:02}/web")
}

/// Only what a relay cannot guess; all else are the defaults. The senders stand for web nodes, which
/// name the site by XCLIENT.
fn config(upstream: SocketAddr) -> String {
    format!(
        r#"mode = "enforce"
hostname = "relay.demo.example"
data_dir = "data"

[[listener]]
address = "127.0.0.1:0"

[[peer]]
networks = ["127.0.0.0/8"]
identity = "xclient"

[customers]
directory = "customers.jsonl"

[pool.main]
servers = ["{upstream}"]
tls = "off"
"#
    )
}

fn directory() -> String {
    let mut lines = String::new();
    for customer in 0..CUSTOMERS {
        let row = json!({
            "id": id(customer),
            "name": format!("Shop {customer}"),
            "reseller": null,
            "plan": "M",
            "since": "2021-03-01",
            "domains": [domain(customer)],
            "networks": [],
            "logins": [{ "login": login(customer) }],
            "certs": [],
        });
        // A String takes every write.
        let _ = writeln!(lines, "{row}");
    }
    lines
}
