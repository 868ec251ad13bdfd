//! What the binary is built of, against `deny.toml` and `docs/dependencies.md`.
//!
//! `cargo deny` says the same and more (advisories) where it is installed; this needs nothing but
//! cargo, so it holds everywhere. It reads `cargo tree`, which knows what is really built:
//! `cargo metadata` also lists what an optional feature would bring.

use std::collections::{BTreeMap, BTreeSet};

use postern_tests::{cargo, read};

struct Package {
    name: String,
    version: String,
    /// Anything but the registry: a path or a git address, in brackets.
    source: Option<String>,
    licence: String,
}

/// Every package that a supported platform builds, tests included.
fn built() -> Vec<Package> {
    let tree = cargo(&[
        "tree",
        "--workspace",
        "--edges",
        "normal,build,dev",
        "--prefix",
        "none",
        "--no-dedupe",
        "--target",
        "x86_64-unknown-linux-gnu",
        "--format",
        "{p}\t{l}",
    ])
    .unwrap();
    let lines: BTreeSet<_> = tree.lines().filter(|line| line.contains('\t')).collect();
    let packages: Vec<_> = lines.into_iter().map(package).collect();
    assert!(packages.len() > 50, "the tree is nearly empty:\n{tree}");
    packages
}

fn package(line: &str) -> Package {
    let (words, licence) = line.split_once('\t').unwrap();
    let mut words = words.splitn(3, ' ');
    let name = words.next().unwrap().to_owned();
    let version = words.next().unwrap().trim_start_matches('v').to_owned();
    let source = words.next().map(|s| s.replace("(proc-macro)", "").trim().to_owned());
    let source = source.filter(|s| !s.is_empty());
    Package { name, version, source, licence: licence.to_owned() }
}

fn deny() -> toml::Table {
    read("deny.toml").unwrap().parse().unwrap()
}

fn texts(value: &toml::Value, key: Option<&str>) -> Vec<String> {
    let rows = value.as_array().unwrap().iter();
    rows.map(|row| key.map_or(row, |key| &row[key]).as_str().unwrap().to_owned()).collect()
}

/// SPDX, as far as it occurs: any side of an OR, every side of an AND, `/` is an old OR.
fn permits(allowed: &[String], licence: &str) -> bool {
    let licence = licence.replace('/', " OR ");
    let parts = |text: &str, word: &str| -> Vec<String> {
        let (mut depth, mut parts) = (0, vec![String::new()]);
        for token in text.replace('(', " ( ").replace(')', " ) ").split_whitespace() {
            depth += i32::from(token == "(") - i32::from(token == ")");
            if depth == 0 && token == word {
                parts.push(String::new());
            } else if let Some(last) = parts.last_mut() {
                *last = format!("{last} {token}").trim().to_owned();
            }
        }
        parts
    };
    let (any, all) = (parts(&licence, "OR"), parts(&licence, "AND"));
    if any.len() > 1 {
        return any.iter().any(|side| permits(allowed, side));
    }
    if all.len() > 1 {
        return all.iter().all(|side| permits(allowed, side));
    }
    match licence.strip_prefix("( ").and_then(|rest| rest.strip_suffix(" )")) {
        Some(inside) => permits(allowed, inside),
        None => allowed.iter().any(|name| *name == licence.trim_matches(['(', ')', ' '])),
    }
}

#[test]
fn spdx_expressions() {
    let allowed = ["MIT".to_owned(), "ISC".to_owned()];
    let rows = [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("MIT/GPL-3.0", true),
        ("ISC AND GPL-3.0", false),
        ("ISC AND (GPL-3.0 OR MIT)", true),
        ("(GPL-3.0 OR MIT) AND ISC", true),
        ("(GPL-3.0 AND MIT) OR BSD-3-Clause", false),
    ];
    for (licence, expect) in rows {
        assert_eq!(permits(&allowed, licence), expect, "{licence}");
    }
}

#[test]
fn licences_are_on_the_list() {
    let deny = deny();
    let allowed = texts(&deny["licenses"]["allow"], None);
    for p in built().iter().filter(|p| !p.name.starts_with("postern")) {
        assert!(permits(&allowed, &p.licence), "{} {}: {}", p.name, p.version, p.licence);
    }
}

#[test]
fn everything_comes_from_the_registry_and_nothing_banned_is_built() {
    let deny = deny();
    let banned = texts(&deny["bans"]["deny"], Some("crate"));
    assert!(["ring", "openssl-sys", "native-tls"].iter().all(|b| banned.contains(&(*b).into())));
    for p in built() {
        assert!(!banned.contains(&p.name), "{} is banned in deny.toml", p.name);
        let ours = p.name.starts_with("postern");
        assert!(ours || p.source.is_none(), "{} comes from {:?}", p.name, p.source);
    }
}

#[test]
fn a_crate_stands_twice_only_with_a_reason() {
    let deny = deny();
    let skipped = texts(&deny["bans"]["skip"], Some("crate"));
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for p in built() {
        versions.entry(p.name).or_default().insert(p.version);
    }
    let mut used = BTreeSet::new();
    for (name, versions) in versions.iter().filter(|(_, versions)| versions.len() > 1) {
        let is = |s: &&String| s.split('@').next() == Some(name);
        let reasons = skipped.iter().filter(is).count();
        assert!(reasons + 1 >= versions.len(), "{name} is built as {versions:?}; see deny.toml");
        used.insert(name.clone());
    }
    let unused: Vec<_> =
        skipped.iter().filter(|s| !used.contains(s.split('@').next().unwrap_or(s))).collect();
    assert!(unused.is_empty(), "deny.toml excuses what stands once: {unused:?}");
}

#[test]
fn each_direct_dependency_has_its_line() {
    let manifest: toml::Table = read("Cargo.toml").unwrap().parse().unwrap();
    let direct = manifest["workspace"]["dependencies"].as_table().unwrap().keys();
    let direct: BTreeSet<_> = direct.filter(|name| !name.starts_with("postern")).cloned().collect();
    let text = read("docs/dependencies.md").unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let rows: BTreeSet<_> = rows.map(str::to_owned).collect();
    assert_eq!(rows, direct, "docs/dependencies.md (left) and Cargo.toml (right) differ");
}
