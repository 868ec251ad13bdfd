//! The documents: every link inside the repository leads somewhere, and every file of `docs/adr`
//! is named in `ARCHITECTURE.md`.

use std::path::{Path, PathBuf};

use postern_tests::{read, root};

/// All Markdown files that a person reads.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if name.ends_with(".md") {
                found.push(path);
            }
        }
    }
    found
}

/// Targets of `[text](target)` without addresses of the network and without `#part`.
fn links(text: &str) -> Vec<String> {
    let after = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let inside = after.filter(|link| !link.contains("://") && !link.starts_with("mailto:"));
    inside.filter_map(|link| link.split('#').next()).map(str::to_owned).collect()
}

#[test]
fn links_lead_somewhere() {
    let documents = documents();
    assert!(documents.iter().any(|path| path.ends_with("README.md")));
    for document in documents {
        let text = std::fs::read_to_string(&document).unwrap();
        let folder = document.parent().unwrap_or(Path::new("."));
        for link in links(&text).iter().filter(|link| !link.is_empty()) {
            assert!(folder.join(link).exists(), "{}: no {link}", document.display());
        }
    }
}

#[test]
fn records_of_decisions_are_named() {
    let architecture = read("ARCHITECTURE.md").unwrap();
    for entry in std::fs::read_dir(root().join("docs/adr")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(architecture.contains(&name), "ARCHITECTURE.md does not name docs/adr/{name}");
    }
}

/// Complete replies 4xx and 5xx among the string literals of a source file.
fn replies(source: &str) -> Vec<String> {
    let literals = source.split('"').skip(1).step_by(2);
    let refusals = literals.filter(|text| {
        let words: Vec<_> = text.splitn(3, ' ').collect();
        let [code, enhanced, _] = words.as_slice() else { return false };
        code.len() == 3 && code.starts_with(['4', '5']) && enhanced.starts_with(&code[..1])
    });
    refusals.map(|text| text.trim_end_matches("\\r\\n").to_owned()).collect()
}

#[test]
fn refusals_of_the_dialogue_are_documented() {
    let document = read("docs/replies.md").unwrap();
    let mut seen = 0;
    for file in ["wire/src/replies.rs", "smtp/src/accept.rs", "smtp/src/caps.rs"] {
        for reply in replies(&read(&format!("crates/{file}")).unwrap()) {
            let known = reply.contains(" Syntax: ") || document.contains(&format!("`{reply}`"));
            assert!(known, "docs/replies.md lacks `{reply}` of {file}");
            seen += 1;
        }
    }
    assert!(seen > 40, "only {seen} replies found");
}
