//! The customer directory: JSON Lines, one object a customer, described in `docs/customers.md`.
//!
//! It loads whole or not at all. Unknown fields are ignored, so that the panel that writes it may
//! know more than we do; a missing one is an error, so that a misspelt one is not lost.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use postern_mail::{Customer, CustomerId, Directory, DirectoryError, Login};
use serde::Deserialize;

use crate::errors::{Errors, Problem};
use crate::load::read_text;
use crate::value::network;

/// Reads the customer directory, or says everything that is wrong with it.
pub fn load_directory(path: &Path) -> Result<Directory, Errors> {
    let remedy = "write it, or name another file in [customers] directory";
    let text = read_text(path, remedy)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut problems = Vec::new();
    let mut customers = Vec::new();
    let mut lines = Vec::new();
    let full = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    for (number, line) in full.map(|(i, line)| (i + 1, line)) {
        match customer(line) {
            Ok(customer) => {
                customers.push(customer);
                lines.push(number);
            }
            Err(Wrong { what, remedy }) => problems.push(Problem::line(path, number, what, remedy)),
        }
    }
    let rows_are_whole = problems.is_empty();
    match Directory::build(customers) {
        Ok(directory) if rows_are_whole => return Ok(directory),
        Ok(_) => {}
        Err(errors) => problems.extend(errors.iter().filter_map(|error| {
            let line = lines.get(error.line()).copied().unwrap_or_default();
            let remedy = match error {
                DirectoryError::Customer { .. } => "give each customer one line",
                DirectoryError::Taken { .. } => "give it to one of the two",
                // Its line may be one of those that could not be read.
                DirectoryError::Reseller { .. } if !rows_are_whole => return None,
                DirectoryError::Reseller { .. } => "add a line for the reseller, or write null",
            };
            Some(Problem::line(path, line, error.to_string(), remedy))
        })),
    }
    Errors::none_in(problems)?;
    Ok(Directory::default())
}

/// A line as it stands in the file.
#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    reseller: Option<Cow<'a, str>>,
    #[serde(borrow)]
    plan: Cow<'a, str>,
    #[serde(borrow)]
    since: Cow<'a, str>,
    #[serde(borrow)]
    domains: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    networks: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    logins: Vec<LoginRow<'a>>,
    #[serde(borrow)]
    certs: Vec<Cow<'a, str>>,
    #[serde(default)]
    limits: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct LoginRow<'a> {
    #[serde(borrow)]
    login: Cow<'a, str>,
    #[serde(borrow, default)]
    origin: Option<Cow<'a, str>>,
}

struct Wrong {
    what: String,
    remedy: &'static str,
}

fn wrong(what: impl Into<String>, remedy: &'static str) -> Wrong {
    Wrong { what: what.into(), remedy }
}

fn customer(line: &str) -> Result<Customer, Wrong> {
    let row: Row<'_> = serde_json::from_str(line).map_err(|error| not_a_row(&error))?;
    if row.id.is_empty() {
        return Err(wrong("`id` is empty", "give the customer an id"));
    }
    let since_day = day(&row.since).ok_or_else(|| {
        wrong(format!("`since` is {:?}", row.since), "write the date as YYYY-MM-DD")
    })?;
    let mut networks = Vec::with_capacity(row.networks.len());
    for text in &row.networks {
        networks.push(network(text).ok_or_else(|| {
            let remedy = "write networks as \"192.0.2.0/24\" or \"2001:db8::/32\"";
            wrong(format!("`networks` has {text:?}"), remedy)
        })?);
    }
    if row.logins.iter().any(|login| login.login.is_empty()) {
        return Err(wrong("`logins` has an empty login", "remove it"));
    }
    check_limits(&row.limits)?;
    let logins = row
        .logins
        .into_iter()
        .map(|row| Login { login: row.login.into(), origin: row.origin.map(Into::into) });
    Ok(Customer {
        id: CustomerId::new(&*row.id),
        name: row.name.into_owned(),
        reseller: row.reseller.map(|id| CustomerId::new(&*id)),
        plan: row.plan.into_owned(),
        since_day,
        domains: row.domains.iter().map(|domain| lower(domain)).collect(),
        networks,
        logins: logins.collect(),
        certs: row.certs.into_iter().map(Into::into).collect(),
        limits: row.limits,
    })
}

/// Names compare without case and without the root's dot.
fn lower(domain: &str) -> Box<str> {
    domain.trim_end_matches('.').to_lowercase().into()
}

/// Overrides must have the names of a tier's limits, else they would silently not hold.
fn check_limits(limits: &BTreeMap<String, u64>) -> Result<(), Wrong> {
    match limits.keys().find(|key| !crate::load::is_tier_key(key)) {
        None => Ok(()),
        Some(key) => {
            let remedy = "use the keys of [limits.tier.NAME] in config/postern.toml";
            Err(wrong(format!("`limits` has the unknown key {key:?}"), remedy))
        }
    }
}

/// What serde_json says, without its "at line 1": the line is ours to say.
fn not_a_row(error: &serde_json::Error) -> Wrong {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or_default();
    if error.is_data() {
        return wrong(what, "docs/customers.md shows a customer's fields");
    }
    let what = format!("no JSON object: {what} (column {})", error.column());
    wrong(what, "write one complete object a line")
}

/// `YYYY-MM-DD` as days since 1970 (Howard Hinnant, `days_from_civil`); dates before count as 0.
fn day(text: &str) -> Option<u32> {
    let octets = text.as_bytes();
    let is_date = |(i, octet): (usize, &u8)| match i {
        4 | 7 => *octet == b'-',
        _ => octet.is_ascii_digit(),
    };
    if octets.len() != 10 || !octets.iter().enumerate().all(is_date) {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u16>().ok().map(i64::from);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(u32::try_from(era * 146_097 + day_of_era - 719_468).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"id":"a","name":"A","reseller":null,"plan":"S","since":"2020-02-29","domains":["Shop.Example."],"networks":["192.0.2.0/28"],"logins":[{"login":"info@shop.example"},{"login":"u1","origin":"web"}],"certs":[],"panel":7}"#;

    fn load(text: &str) -> Result<Directory, Errors> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        load_directory(file.path())
    }

    #[test]
    fn a_customer_is_found_by_all_that_is_its_own() {
        let directory = load(&format!("{GOOD}\n")).unwrap();
        let customer = &directory.customers()[0];
        assert_eq!((customer.since_day, customer.plan.as_str()), (18_321, "S"));
        assert_eq!(directory.owners("shop.example").count(), 1);
        assert!(directory.by_ip("192.0.2.15".parse().unwrap()).is_some());
        let (_, login) = directory.by_login("u1").unwrap();
        assert_eq!(login.origin.as_deref(), Some("web"));
    }

    #[test]
    fn every_line_that_is_wrong_is_named_with_its_remedy() {
        let rows = [
            ("not json", "no JSON object: expected ident (column 2); write one complete"),
            (r#"{"id":"b"}"#, "missing field `name`; docs/customers.md"),
            (
                &GOOD.replace("2020-02-29", "2021-02-29"),
                "`since` is \"2021-02-29\"; write the date",
            ),
            (
                &GOOD.replace("192.0.2.0/28", "192.0.2.0/40"),
                "`networks` has \"192.0.2.0/40\"; write",
            ),
            (
                &GOOD.replace("[\"Shop.Example.\"]", "3"),
                "invalid type: integer `3`, expected a sequence",
            ),
            (
                &GOOD.replace("\"certs\":[]", "\"certs\":[],\"limits\":{\"x\":1}"),
                "unknown key \"x\"; use",
            ),
            (GOOD, "customer \"a\" stands twice; give each"),
        ];
        let mut text = format!("{GOOD}\n\n");
        for (line, _) in &rows {
            text += &format!("{line}\n");
        }
        let errors = load(&text).unwrap_err();
        for (i, (_, expect)) in rows.iter().enumerate() {
            let found: Vec<_> =
                errors.problems().iter().filter(|problem| problem.line == i + 3).collect();
            assert!(found.iter().any(|p| format!("{p}").contains(expect)), "{expect}: {found:#?}");
        }
    }

    #[test]
    fn errors_are_capped_and_counted() {
        let errors = load(&"x\n".repeat(1000)).unwrap_err();
        assert_eq!(errors.count(), 1000);
        assert!(errors.to_string().ends_with("… and 950 more"));
        assert!(format!("{errors:#}").contains(":1: no JSON object"));
    }

    #[test]
    fn days() {
        let rows = [
            ("1970-01-01", Some(0)),
            ("2000-03-01", Some(11_017)),
            ("2026-11-24", Some(20_781)),
            ("1969-12-31", Some(0)),
            ("2026-13-01", None),
            ("2026-1-01", None),
            ("2026-04-31", None),
            ("+026-04-30", None),
        ];
        for (text, expect) in rows {
            assert_eq!(day(text), expect, "{text}");
        }
    }
}
