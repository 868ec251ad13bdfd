//! The password file: one `login:hash` a line. Checking a password is the relay's work.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use postern_mail::Directory;

use crate::errors::{Errors, Problem};
use crate::load::read_text;

/// Stored hashes by login.
#[derive(Clone, Default)]
pub struct Passwords {
    /// With the line where each stands.
    hashes: HashMap<Box<str>, (Box<str>, usize)>,
}

impl Passwords {
    /// The hash of a login, as an `$argon2id$…` or `$2b$…` text.
    pub fn hash(&self, login: &str) -> Option<&str> {
        self.hashes.get(login).map(|(hash, _)| &**hash)
    }

    /// Some login's hash, the same one each time: what a login that does not exist is checked
    /// against, so that it costs the same time.
    pub fn sample(&self) -> Option<&str> {
        self.hashes.iter().min_by_key(|(_, (_, line))| line).map(|(_, (hash, _))| &**hash)
    }

    /// How many logins have one.
    pub fn count(&self) -> usize {
        self.hashes.len()
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
        // No hash has a colon; a login may.
        let Some((login, hash)) = line.rsplit_once(':').filter(|(login, _)| !login.is_empty())
        else {
            wrong("this is not login:hash".to_owned(), "write the login, a colon, the hash");
            continue;
        };
        if !is_hash(hash) {
            let remedy =
                "store an argon2id ($argon2id$…) or bcrypt ($2b$…) hash, never the password";
            wrong(format!("the hash of {login:?} is of no known kind"), remedy);
        } else if let Some((_, first)) =
            passwords.hashes.insert(login.into(), (hash.into(), number))
        {
            wrong(format!("{login:?} stands in line {first} already"), "keep one of the two");
        }
    }
    Errors::none_in(problems)?;
    Ok(passwords)
}

/// Whether it has the form of an argon2id or bcrypt hash, and all its parts.
fn is_hash(hash: &str) -> bool {
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
