//! `cargo metadata` against the table of allowed edges in `ARCHITECTURE.md`.

use std::collections::{BTreeMap, BTreeSet};

use postern_tests::{cargo, read};

type Edges = BTreeMap<String, BTreeSet<String>>;

/// The table's rows: `| crate | may import |`, names without the `postern-` prefix.
fn allowed() -> Edges {
    let text = read("ARCHITECTURE.md").unwrap();
    let table = text.split("<!-- edges -->").nth(1).expect("a table between two edges marks");
    let names = |cell: &str| -> BTreeSet<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let mut edges = Edges::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.split('|').collect();
        for name in names(cells[1]) {
            assert!(edges.insert(name, names(cells[2])).is_none(), "stands twice: {row}");
        }
    }
    edges
}

/// What is imported, tests and build scripts included.
fn real() -> Edges {
    let text = cargo(&["metadata", "--format-version", "1", "--no-deps"]).unwrap();
    let metadata: serde_json::Value = serde_json::from_str(&text).unwrap();
    let short = |name: &str| name.strip_prefix("postern-").unwrap_or(name).to_owned();
    let mut edges = Edges::new();
    for package in metadata["packages"].as_array().unwrap() {
        let imports = package["dependencies"].as_array().unwrap().iter();
        let names = imports.map(|d| d["name"].as_str().unwrap());
        let ours = names.filter(|n| n.starts_with("postern")).map(short).collect();
        edges.insert(short(package["name"].as_str().unwrap()), ours);
    }
    edges
}

#[test]
fn nobody_imports_more_than_the_table_allows() {
    let (allowed, real) = (allowed(), real());
    let known = |edges: &Edges| edges.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(known(&real), known(&allowed), "workspace members and the table's rows differ");
    for (name, imports) in &real {
        let more: Vec<_> = imports.difference(&allowed[name]).collect();
        assert!(more.is_empty(), "{name} imports {more:?}; see ARCHITECTURE.md, \"Allowed edges\"");
    }
}

/// Pure crates know no runtime, no socket and no file format of the outside.
#[test]
fn pure_crates_have_no_runtime() {
    const IO: [&str; 10] = [
        "tokio",
        "tokio-util",
        "tokio-rustls",
        "rustls",
        "socket2",
        "rusqlite",
        "rustix",
        "hyper",
        "axum",
        "tempfile",
    ];
    let text = cargo(&["metadata", "--format-version", "1", "--no-deps"]).unwrap();
    let metadata: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut seen = 0;
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        if !["postern-mail", "postern-wire", "postern-scoring", "postern-api"].contains(&name) {
            continue;
        }
        seen += 1;
        for dependency in package["dependencies"].as_array().unwrap() {
            let import = dependency["name"].as_str().unwrap();
            let in_tests = dependency["kind"] == "dev";
            assert!(in_tests || !IO.contains(&import), "{name} is pure but imports {import}");
        }
    }
    assert_eq!(seen, 4);
}
