use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

#[test]
fn command_lines_of_the_contract() {
    let rows: &[(&str, bool)] = &[
        ("status --config f --json", true),
        ("queue list --config f --json", true),
        ("quarantine list --config f --json", true),
        ("case list --config f --json", true),
        ("quarantine release --config f A B --reason x --json", true),
        (
            "quarantine refuse --config f --customer c --older-than 2h --reason x --dry-run --json",
            true,
        ),
        ("suspend c --origin script:/x --reason y", true),
        ("quarantine release A", false),
        ("quarantine release A --reason ''", false),
        ("quarantine list --older-than 2", false),
        ("suspend --reason y", false),
        ("queue purge", false),
    ];
    for (line, expect) in rows {
        let words = line.split(' ').map(|word| if word == "''" { "" } else { word });
        let parsed = Line::try_parse_from(std::iter::once("postern").chain(words));
        assert_eq!(parsed.is_ok(), *expect, "{line}: {parsed:?}");
        if let Ok(parsed) = parsed {
            assert_eq!(parsed.verb.json(), line.contains("--json"), "{line}");
        }
    }
}

#[test]
fn clap_finds_no_contradiction() {
    use clap::CommandFactory;
    Line::command().debug_assert();
}
