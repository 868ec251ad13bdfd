//! `postern check`: the config and every file that it names, all errors at once.

use std::fmt;
use std::path::Path;

use postern_smtp::BindError;

use crate::config::{Config, Mode, Unknown};
use crate::errors::{Errors, Problem};
use crate::load::{Purpose, load, unreadable};
use crate::{Passwords, load_directory, load_passwords};

/// What a config that is right amounts to; prints as some lines for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What will run.
    pub summary: String,
    /// What is allowed but may not be meant.
    pub notes: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary)?;
        for note in &self.notes {
            write!(f, "\nnote: {note}")?;
        }
        Ok(())
    }
}

/// Reads the config and what it names, as `serve` would, and changes nothing.
pub fn check(path: &Path) -> Result<Report, Errors> {
    let config = load(path, Purpose::Serve)?;
    let mut problems = Vec::new();
    let directory = match &config.customers.directory {
        Some(file) => {
            load_directory(file).map_err(|errors| problems.extend(errors.into_problems())).ok()
        }
        None => Some(postern_mail::Directory::default()),
    };
    let passwords = match &config.customers.passwords {
        Some(file) => {
            load_passwords(file).map_err(|errors| problems.extend(errors.into_problems())).ok()
        }
        None => Some(Passwords::default()),
    };
    if let (Some(directory), Some(passwords), Some(file)) =
        (&directory, &passwords, &config.customers.passwords)
    {
        problems.extend(passwords.strangers(file, directory));
    }
    problems.extend(pem_files(&config));
    problems.extend(data_dir(&config.data_dir));
    Errors::none_in(problems)?;
    let customers = directory.map_or(0, |directory| directory.customers().len());
    let passwords = passwords.map_or(0, |passwords| passwords.count());
    Ok(report(path, &config, customers, passwords))
}

fn report(path: &Path, config: &Config, customers: usize, passwords: usize) -> Report {
    let addresses: Vec<_> =
        config.smtp.listeners.iter().map(|listener| listener.address.to_string()).collect();
    let pools: Vec<_> = config
        .pools
        .iter()
        .map(|pool| format!("{} ({})", pool.name, pool.servers.join(", ")))
        .collect();
    let mode = match config.mode {
        Mode::Observe => "observe",
        Mode::Enforce => "enforce",
    };
    let summary = format!(
        "{} is right (version {})\n  mode {mode}, listening on {}\n  {customers} customers, {passwords} \
         passwords, {} peers\n  upstreams: {}",
        path.display(),
        config.version,
        addresses.join(", "),
        config.peers.len(),
        pools.join("; "),
    );
    Report { summary, notes: notes(config, customers) }
}

fn notes(config: &Config, customers: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if config.mode == Mode::Observe {
        notes
            .push("mode is \"observe\": everything is judged and recorded, nothing is held".into());
    }
    if customers == 0 && config.customers.unknown == Unknown::Refuse {
        notes.push("there are no customers: all mail will be refused".into());
    }
    if config.smtp.tls.is_none() {
        let without = match config.customers.passwords {
            Some(_) => "nobody can log in, though there are passwords",
            None => "nobody can log in",
        };
        notes.push(format!("there is no [tls]: nothing is encrypted and {without}"));
    }
    notes
}

/// Certificates, keys and CAs: that they are there and are what they are named.
fn pem_files(config: &Config) -> Vec<Problem> {
    let mut files = Vec::new();
    if let Some(tls) = &config.smtp.tls {
        files.push((tls.certificate.as_path(), "[tls] certificate", "CERTIFICATE"));
        files.push((tls.key.as_path(), "[tls] key", "PRIVATE KEY"));
        files.extend(tls.client_ca.as_deref().map(|ca| (ca, "[tls] client_ca", "CERTIFICATE")));
    }
    let of_listeners = config.smtp.listeners.iter().filter_map(|l| l.client_ca.as_deref());
    files.extend(of_listeners.map(|ca| (ca, "a listener's client_ca", "CERTIFICATE")));
    let of_pools = config.pools.iter().filter_map(|pool| pool.ca.as_deref());
    files.extend(of_pools.map(|ca| (ca, "a pool's ca", "CERTIFICATE")));
    let mut problems: Vec<_> =
        files.into_iter().filter_map(|(file, key, kind)| pem_file(file, key, kind)).collect();
    // Each file is what it is named; whether they fit together only the front end knows.
    if problems.is_empty()
        && let Err(BindError::Tls { path, problem }) = config.smtp.check_tls()
    {
        problems.push(Problem::file(&path, problem, ""));
    }
    problems
}

fn pem_file(file: &Path, key: &str, kind: &str) -> Option<Problem> {
    let remedy = format!("put it there, or name another file as {key}");
    match std::fs::read(file) {
        Err(error) => Some(unreadable(file, &error, &remedy)),
        Ok(octets) => {
            let text = String::from_utf8_lossy(&octets);
            let begins = |line: &str| line.starts_with("-----BEGIN ") && line.contains(kind);
            let what = format!("there is no {} in it", kind.to_lowercase());
            let remedy = format!("{key} names a PEM file with a line -----BEGIN …{kind}-----");
            (!text.lines().any(begins)).then(|| Problem::file(file, what, remedy))
        }
    }
}

/// The folder, or the one in which it would be made, must take new files.
fn data_dir(dir: &Path) -> Option<Problem> {
    let whole = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let nearest = whole.ancestors().find(|folder| folder.exists())?;
    if !nearest.is_dir() {
        let what = format!("data_dir cannot lie here: {} is no folder", nearest.display());
        return Some(Problem::file(dir, what, "name another data_dir"));
    }
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    rustix::fs::access(nearest, access).err().map(|_| {
        let what = format!("data_dir: no permission to write in {}", nearest.display());
        Problem::file(
            dir,
            what,
            "give the folder to the user that runs postern, or name another one",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_named_is_looked_at_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        write("customers.jsonl", "{}\n");
        write("passwords", "a:b\n");
        write("key.pem", "-----BEGIN CERTIFICATE-----\n");
        write("file", "");
        write(
            "postern.toml",
            "data_dir = \"file/data\"\n[[listener]]\naddress = \"127.0.0.1:0\"\n\
             [tls]\ncertificate = \"none.pem\"\nkey = \"key.pem\"\n\
             [customers]\ndirectory = \"customers.jsonl\"\npasswords = \"passwords\"\n\
             [pool.main]\nservers = [\"127.0.0.1:25\"]\nca = \"none-ca.pem\"\n",
        );
        let errors = check(&dir.path().join("postern.toml")).unwrap_err().to_string();
        for expect in [
            "customers.jsonl:1: missing field `id`",
            "passwords:1: the hash of \"a\" is of no known kind",
            "none.pem: there is no such file; put it there, or name another file as [tls] certificate",
            "key.pem: there is no private key in it",
            "none-ca.pem: there is no such file",
            "data_dir cannot lie here",
        ] {
            assert!(errors.contains(expect), "{expect}: {errors}");
        }
    }

    #[test]
    fn a_key_must_belong_to_its_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        let pair =
            || rcgen::generate_simple_self_signed(["relay.example.test".to_owned()]).unwrap();
        let (ours, other) = (pair(), pair());
        write("relay.crt", &ours.cert.pem());
        let text = "data_dir = \"data\"\n[[listener]]\naddress = \"127.0.0.1:0\"\n\
             [tls]\ncertificate = \"relay.crt\"\nkey = \"relay.key\"\n[pool.main]\nservers = [\"127.0.0.1:25\"]\n";
        write("postern.toml", text);
        write("relay.key", &ours.signing_key.serialize_pem());
        check(&dir.path().join("postern.toml")).unwrap_or_else(|errors| panic!("{errors}"));
        write("relay.key", &other.signing_key.serialize_pem());
        let errors = check(&dir.path().join("postern.toml")).unwrap_err().to_string();
        assert!(errors.contains("relay.crt: "), "{errors}");
        assert!(errors.contains("certificate and key must belong together"), "{errors}");
    }

    #[test]
    fn a_login_that_nobody_owns_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        let hash = "$2b$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u";
        write("passwords", &format!("a@b.example:{hash}\n"));
        write(
            "postern.toml",
            "data_dir = \"data\"\n[[listener]]\naddress = \"127.0.0.1:0\"\n\
             [customers]\npasswords = \"passwords\"\n[pool.main]\nservers = [\"127.0.0.1:25\"]\n",
        );
        let errors = check(&dir.path().join("postern.toml")).unwrap_err().to_string();
        assert!(
            errors.contains("passwords:1: no customer has the login \"a@b.example\""),
            "{errors}"
        );
    }
}
