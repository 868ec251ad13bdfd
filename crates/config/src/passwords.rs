//! The password file: one `login:hash` a line. Checking a password is the relay's work.

mod scram;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;

use postern_mail::Directory;

use crate::errors::{Errors, Problem};
use crate::load::read_text;

use self::scram::SCRAM;
pub use self::scram::ScramVerifier;

/// Stored hashes by login.
#[derive(Clone, Default)]
pub struct Passwords {
    /// With the line where each stands.
    hashes: HashMap<Box<str>, (Box<str>, usize)>,
    /// Of each form and cost the hash that stands first.
    samples: Vec<Box<str>>,
    /// How many are SCRAM verifiers.
    verifiers: usize,
}

impl Passwords {
    /// The hash of a login, as an `$argon2id$…`, `$2b$…` or `SCRAM-SHA-256$…` text.
    pub fn hash(&self, login: &str) -> Option<&str> {
        self.hashes.get(login).map(|(hash, _)| &**hash)
    }

    /// Some login's hash: what a login that does not exist is checked against, so that it costs the
    /// time of one that does. The same `pick` gets the same form.
    pub fn sample(&self, pick: u64) -> Option<&str> {
        picked(self.samples.iter().map(|hash| &**hash), pick)
    }

    /// The same among SCRAM verifiers, for what a client is told before it proves anything.
    pub fn scram_sample(&self, pick: u64) -> Option<ScramVerifier> {
        let samples = self.samples.iter().map(|hash| &**hash);
        let of_scram = samples.filter(|hash| hash.starts_with(SCRAM));
        picked(of_scram, pick).and_then(ScramVerifier::parse)
    }

    /// Whether SCRAM can be offered. A client picks the mechanism before it names its login, and
    /// one that picks SCRAM does not go on to PLAIN: so only where it works for every login.
    pub fn offers_scram(&self) -> bool {
        self.verifiers > 0 && self.verifiers == self.count()
    }

    /// How many logins have one.
    pub fn count(&self) -> usize {
        self.hashes.len()
    }

    /// Fills `samples` and `verifiers`.
    fn survey(&mut self) {
        let mut lines: Vec<_> = self.hashes.values().collect();
        lines.sort_unstable_by_key(|(_, line)| line);
        let mut forms = HashSet::new();
        let firsts = lines.iter().filter(|(hash, _)| forms.insert(form(hash)));
        let samples = firsts.map(|(hash, _)| hash.clone()).collect();
        self.verifiers = lines.iter().filter(|(hash, _)| hash.starts_with(SCRAM)).count();
        self.samples = samples;
    }

    /// Logins that no customer owns: nobody could use them.
    pub(crate) fn strangers(&self, path: &Path, directory: &Directory) -> Vec<Problem> {
        let unknown = self.hashes.iter().filter(|(login, _)| directory.by_login(login).is_none());
        let remedy = "add the login to a customer in the directory, or remove this line";
        unknown
            .map(|(login, (_, line))| {
                Problem::line(path, *line, format!("no customer has the login {login:?}"), remedy)
            })
            .collect()
    }
}

/// Hashes do not belong in logs.
impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Passwords({})", self.count())
    }
}

/// Reads the password file, or says everything that is wrong with it. Empty lines and lines that
/// begin with `#` are passed over.
pub fn load_passwords(path: &Path) -> Result<Passwords, Errors> {
    let remedy = "write it (one login:hash a line), or name another file in [customers] passwords";
    let text = read_text(path, remedy)?;
    let mut passwords = Passwords::default();
    let mut problems = Vec::new();
    for (number, line) in text.lines().enumerate().map(|(i, line)| (i + 1, line.trim())) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut wrong =
            |what: String, remedy| problems.push(Problem::line(path, number, what, remedy));
        let Some((login, hash)) = split(line) else {
            wrong("this is not login:hash".to_owned(), "write the login, a colon, the hash");
            continue;
        };
        if !is_hash(hash) {
            let remedy = "store an argon2id ($argon2id$…) or bcrypt ($2b$…) hash or a SCRAM-SHA-256$… \
                 verifier, never the password";
            wrong(format!("the hash of {login:?} is of no known kind"), remedy);
        } else if let Some((_, first)) =
            passwords.hashes.insert(login.into(), (hash.into(), number))
        {
            wrong(format!("{login:?} stands in line {first} already"), "keep one of the two");
        }
    }
    Errors::none_in(problems)?;
    passwords.survey();
    Ok(passwords)
}

/// Login and hash. A login may have colons; of the hashes only SCRAM's have.
fn split(line: &str) -> Option<(&str, &str)> {
    let scram = line.rfind(&[":", SCRAM].concat()).and_then(|at| line.split_at_checked(at));
    let parts = scram.map(|(login, rest)| (login, rest.strip_prefix(':').unwrap_or(rest)));
    parts.or_else(|| line.rsplit_once(':')).filter(|(login, _)| !login.is_empty())
}

fn picked<'h>(all: impl Iterator<Item = &'h str> + Clone, pick: u64) -> Option<&'h str> {
    let count = all.clone().count() as u64;
    let at = pick.checked_rem(count)?;
    all.clone().nth(usize::try_from(at).ok()?)
}

/// What a hash's check costs, as its text says it. Of SCRAM also the salt's length, which is seen.
fn form(hash: &str) -> (&str, usize) {
    match hash.strip_prefix(SCRAM) {
        Some(rest) => {
            let (iterations, rest) = rest.split_once(':').unwrap_or((rest, ""));
            (iterations, rest.find('$').unwrap_or_default())
        }
        // Without salt and sum, which are the last two of argon2id; bcrypt has them as one.
        None if hash.starts_with("$argon2id") => {
            (hash.rsplitn(3, '$').last().unwrap_or_default(), 0)
        }
        None => (hash.rsplit_once('$').map_or(hash, |(costs, _)| costs), 0),
    }
}

/// Whether it has the form of a hash that we can check, and all its parts.
fn is_hash(hash: &str) -> bool {
    if hash.starts_with(SCRAM) {
        return ScramVerifier::parse(hash).is_some();
    }
    let parts: Vec<_> = hash.split('$').collect();
    let base64 = |text: &&str| {
        text.len() >= 8 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/.".contains(&b))
    };
    match parts.as_slice() {
        ["", "argon2id", version, costs, salt, sum] => {
            version.starts_with("v=") && costs.starts_with("m=") && base64(salt) && base64(sum)
        }
        ["", "2a" | "2b" | "2y", cost, rest] => {
            cost.len() == 2 && cost.parse::<u8>().is_ok() && rest.len() == 53 && base64(rest)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCRYPT: &str = "$2b$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u";
    const ARGON2: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzYWx0$K5FF6wNDtuEQZ0FJ9n9Sqj3jpFAbh5jCF5VV0h4lXrM";

    fn load(text: &str) -> Result<Passwords, Errors> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        load_passwords(file.path())
    }

    #[test]
    fn hashes_of_both_kinds() {
        let text = format!("# ours\n\na@b.example:{BCRYPT}\nx:y:{ARGON2}\n");
        let passwords = load(&text).unwrap();
        assert_eq!(passwords.hash("a@b.example"), Some(BCRYPT));
        assert_eq!(passwords.hash("x:y"), Some(ARGON2));
        assert_eq!(passwords.hash("x"), None);
        assert!(!format!("{passwords:?}").contains("$2b$"));
    }

    #[test]
    fn scram_is_offered_where_all_can_use_it() {
        let verifier = format!("{SCRAM}4096:c29tZXNhbHRzYWx0${0}:{0}", "A".repeat(43) + "=");
        let passwords = load(&format!("a:b:{verifier}\nc@d.example:{verifier}\n")).unwrap();
        assert!(passwords.offers_scram());
        assert_eq!(passwords.hash("a:b"), Some(&*verifier));
        assert_eq!(passwords.scram_sample(7).map(|sample| sample.iterations), Some(4096));

        let mixed = load(&format!("a:{verifier}\nb:{BCRYPT}\nc:{ARGON2}\nd:{BCRYPT}\n")).unwrap();
        assert!(!mixed.offers_scram() && !Passwords::default().offers_scram());
        let samples: Vec<_> = (0..4).map(|pick| mixed.sample(pick)).collect();
        assert_eq!(samples, [Some(&*verifier), Some(BCRYPT), Some(ARGON2), Some(&*verifier)]);
        assert_eq!(Passwords::default().sample(7), None);
        assert!(load(&format!("a:{SCRAM}4096:AAAA$BBBB:CCCC\n")).is_err());
    }

    #[test]
    fn wrong_lines_are_named_and_not_shown() {
        let text = format!("a:secret\nsecret\n:{BCRYPT}\nb:$1$x$y\nc:{BCRYPT}\nc:{ARGON2}\n");
        let errors = load(&text).unwrap_err();
        let lines: Vec<_> = errors.problems().iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 6]);
        assert!(!errors.to_string().contains("secret"), "{errors}");
    }

    #[test]
    fn a_login_without_a_customer_is_named() {
        let passwords = load(&format!("a:{BCRYPT}\nb:{BCRYPT}\n")).unwrap();
        let strangers = passwords.strangers(Path::new("p"), &Directory::default());
        assert_eq!(strangers.len(), 2);
    }
}
