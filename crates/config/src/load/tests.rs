use std::path::Path;

use super::*;
use crate::document::Asked;

fn try_load(text: &str, purpose: Purpose) -> Result<Config, Errors> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("postern.toml");
    std::fs::write(&path, text).unwrap();
    load(&path, purpose)
}

/// All problems as `LINE:COLUMN WHAT; REMEDY`.
fn problems(text: &str) -> Vec<String> {
    let errors = try_load(text, Purpose::Serve).unwrap_err();
    let row = |p: &Problem| format!("{}:{} {}; {}", p.line, p.column, p.what, p.remedy);
    errors.problems().iter().map(row).collect()
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/postern.toml")
}

/// What a file must say to be served.
const NEEDED: &str =
    "[[listener]]\naddress = \"127.0.0.1:2525\"\n[pool.main]\nservers = [\"[::1]:25\"]\n";

#[test]
fn the_shipped_file_states_the_defaults() {
    let path = shipped();
    let bare = "hostname = \"relay.example.test\"\ndata_dir = \"data\"\n\
        [[listener]]\naddress = \"127.0.0.1:2525\"\n[pool.main]\nservers = [\"127.0.0.1:1025\"]\n\
        [customers]\ndirectory = \"customers.example.jsonl\"\n";
    let (bare, wrong, _) = Document::read(&path, bare, |root| read(root, Purpose::Serve));
    assert!(wrong.is_empty(), "{wrong:?}");
    let mut full = load(&path, Purpose::Serve).unwrap_or_else(|errors| panic!("{errors}"));
    full.version.clear();
    // Stated or not, a rule at its default is the same; all else must be equal as it stands.
    for (id, setting) in std::mem::take(&mut full.scoring.rules) {
        let known = rule_ids().find(|known| *known == id).unwrap();
        assert_eq!(setting, bare.scoring.rule(known), "{id}");
    }
    let lines =
        |config: &Config| format!("{config:#?}").lines().map(str::to_owned).collect::<Vec<_>>();
    for (full, bare) in lines(&full).iter().zip(lines(&bare)) {
        assert_eq!(*full, bare, "config/postern.toml says otherwise (UPDATE_EXPECT=1 corrects it)");
    }
}

/// A setting that no key sets could not be changed by anybody.
#[test]
fn every_setting_of_engine_and_sessions_has_a_key() {
    let (_, _, asked) = Document::read(Path::new("x"), "", |root| read(root, Purpose::Replay));
    let engine = postern_scoring::Settings::default();
    let settings = format!("{engine:#?}\n{:#?}", postern_smtp::Limits::default());
    let fields =
        settings.lines().filter_map(|line| line.trim().split_once(": ")).map(|(name, _)| name);
    let renamed = |name: &str| match name {
        "tiers" => "tier".to_owned(),
        "plans_percent" => "plan_percent".to_owned(),
        name => name.to_owned(),
    };
    for field in fields {
        let name = renamed(field);
        let is_it = |asked: &Asked| asked.name.rsplit('.').next() == Some(&*name);
        assert!(asked.iter().any(is_it), "no key sets `{field}`");
    }
}

#[test]
fn the_shipped_file_explains_every_key() {
    let text = std::fs::read_to_string(shipped()).unwrap();
    let (_, _, asked) = Document::read(Path::new("x"), &text, |root| read(root, Purpose::Serve));
    assert!(asked.len() > 100, "{}", asked.len());
    let mut written = std::collections::BTreeSet::new();
    for line in text.lines().map(|line| line.trim_start_matches(['#', ' '])) {
        let names = line.trim_start_matches('[').split([']', '=']).next().unwrap_or_default();
        written.extend(names.trim().split('.'));
    }
    let name = |asked: &Asked| asked.name.rsplit('.').next().unwrap_or_default().to_owned();
    let silent: Vec<_> = asked
        .iter()
        .filter(|asked| !asked.name.starts_with("rules.") && !written.contains(&*name(asked)))
        .collect();
    assert!(silent.is_empty(), "not in config/postern.toml: {silent:?}");
}

/// `UPDATE_EXPECT=1` writes the built-in numbers and the list of rules into the file.
#[test]
fn the_shipped_numbers_and_rules_are_the_built_in_ones() {
    let text = std::fs::read_to_string(shipped()).unwrap();
    let expect = with_rules(&with_numbers(&text));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        return std::fs::write(shipped(), expect).unwrap();
    }
    for (stated, expect) in text.lines().zip(expect.lines()) {
        assert_eq!(stated, expect, "run this test once with UPDATE_EXPECT=1");
    }
}

/// The file with all numbers, times and sizes as they are built in.
fn with_numbers(text: &str) -> String {
    let (_, _, asked) = Document::read(Path::new("x"), "", |root| read(root, Purpose::Replay));
    let (_, _, pools) = Document::read(Path::new("x"), NEEDED, |root| read(root, Purpose::Serve));
    let default = |name: &str| {
        let mut all = asked.iter().chain(&pools).filter(|asked| asked.name == name);
        all.find_map(|asked| asked.default.clone())
    };
    let (mut section, mut expect) = (String::new(), String::new());
    for line in text.split_inclusive('\n') {
        if let Some((name, _)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            section = format!("{name}.");
        }
        let stated = line.split_once(" = ").filter(|(key, _)| !key.contains(['#', '[', '{']));
        match stated.and_then(|(key, rest)| Some((key, rest, default(&format!("{section}{key}"))?)))
        {
            Some((key, rest, default)) => {
                let value = rest.split('#').next().unwrap_or_default().trim_end();
                expect += &format!("{key} = {}", rest.replacen(value, &default, 1));
            }
            None => expect += line,
        }
    }
    expect
}

/// The file with the list of rules as it is built in.
fn with_rules(text: &str) -> String {
    const BEGIN: &str = "# (list of rules)\n";
    const END: &str = "# (end of the list)\n";
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let mut list = String::new();
    for rule in postern_scoring::rules::all() {
        let points = f64::from(rule.hundredths) / 100.0;
        for line in wrapped(rule.about) {
            list += &format!("# {line}\n");
        }
        list += &format!("{} = {{ points = {points:?} }}\n", rule.id);
    }
    format!("{before}{BEGIN}{list}{END}{after}")
}

/// In lines of at most 98 characters.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().unwrap();
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= 98 {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[test]
fn the_contracts_config_is_accepted_as_it_stands() {
    let text = r#"
mode = "enforce"
hostname = "relay.example.test"
data_dir = "data"
handoff = "queue"
[[listener]]
address = "127.0.0.1:2525"
[[listener]]
address = "127.0.0.1:4650"
tls = "implicit"
[tls]
certificate = "/etc/relay.crt"
key = "relay.key"
[[peer]]
networks = ["127.0.0.2/32"]
identity = "xclient"
[[peer]]
networks = ["127.0.0.3/32"]
identity = "header:X-AuthUser"
[customers]
directory = "customers.jsonl"
passwords = "passwords"
unknown = "strict"
[limits]
message_bytes = 31457280
recipients_per_message = 1000
connections_per_peer = 20000
[pool.main]
servers = ["127.0.0.1:2601", "127.0.0.1:2602"]
tls = "off"
[queue]
retry = ["2s", "4s", "8s"]
max_age = "2h"
[admin]
socket = "data/admin.sock"
"#;
    let config = try_load(text, Purpose::Serve).unwrap();
    assert_eq!((config.mode, config.handoff), (Mode::Enforce, HandoffMode::Queue));
    let modes: Vec<_> = config.smtp.listeners.iter().map(|listener| listener.tls).collect();
    assert_eq!(modes, [postern_smtp::TlsMode::StartTls, postern_smtp::TlsMode::Implicit]);
    let tls = config.smtp.tls.as_ref().unwrap();
    assert_eq!(tls.certificate, Path::new("/etc/relay.crt"));
    assert!(tls.key.is_absolute() && tls.key.ends_with("relay.key"));
    assert!(config.smtp.auth);
    assert!(config.smtp.xclient.longest("127.0.0.2".parse().unwrap()).is_some());
    assert!(config.smtp.xclient.longest("127.0.0.3".parse().unwrap()).is_none());
    assert_eq!(config.peers[1].identity, PeerIdentity::Header("X-AuthUser".to_owned()));
    assert_eq!(config.smtp.limits.message_bytes, 30 << 20);
    assert_eq!(config.queue.retry, [2, 4, 8].map(Duration::from_secs));
    assert_eq!(config.pools[0].tls, postern_queue::UpstreamTls::Off);
    assert_eq!(config.customers.unknown, Unknown::Strict);
    assert!(config.admin.socket.ends_with("data/admin.sock"));
}

#[test]
fn replay_needs_next_to_nothing() {
    let config = try_load("", Purpose::Replay).unwrap();
    assert_eq!(config.mode, Mode::Enforce);
    assert!(config.pools.is_empty() && config.smtp.listeners.is_empty());
}

#[test]
fn each_mistake_has_its_place_and_its_remedy() {
    let rows = [
        (
            "mdoe = \"observe\"\n",
            "1:1 there is no key `mdoe` at the top of the file; did you mean `mode`?",
        ),
        ("mode = \"enforec\"\n", "1:8 `mode` is the text \"enforec\"; did you mean \"enforce\"?"),
        ("mode = 3\n", "1:8 `mode` is the number 3; \"observe\" or \"enforce\" is expected"),
        (
            "retry = [\"2s\"]\n",
            "1:1 there is no key `retry` at the top of the file; `retry` belongs in [queue]",
        ),
        (
            "drain = 30\n",
            "1:9 `drain` is the number 30; a time, such as \"30s\", \"5m\", \"2h\" or \"7d\", is expected",
        ),
        (
            "drain = \"3h\"\n",
            "1:9 `drain` is \"3h\"; \"0s\" to \"1h\" is possible; the default is \"30s\"",
        ),
        (
            "hostname = \"-\"\n",
            "1:12 `hostname` is \"-\"; letters, digits, hyphens and dots are possible: relay.example.net",
        ),
        ("queue = 3\n", "1:9 `queue` is a section; begin it with a line [queue]"),
        ("[peer]\nnetworks = []\n", "1:1 `peer` is a list; begin each with a line [[peer]]"),
        (
            "[[peer]]\nnetworks = [\"::1\"]\nidentity = \"none\"\n[[peer]]\nnetworks = [\"::1/128\"]\nidentity = \"none\"\n",
            "5:12 `networks` has ::1/128 once more; a network can have one identity only",
        ),
        (
            "[queue]\nmax-age = \"1d\"\n",
            "2:1 there is no key `max-age` in [queue]; did you mean `max_age`?",
        ),
        (
            "[queue]\nretry = [\"2s\", 3, \"x\"]\n",
            "2:16 `retry` is the number 3; a time, such as \"30s\", \"5m\", \"2h\" or \"7d\", is expected",
        ),
        ("[queue]\nretry = []\n", "2:9 `retry` cannot be kept; give at least one wait, each from"),
        (
            "[limits]\nmessage_bytes = \"1 KB\"\n",
            "2:17 `message_bytes` is 1000; \"64 KiB\" to \"1 GiB\" is possible; the default is \"50 MiB\"",
        ),
        (
            "[limits]\nconnections = -1\n",
            "2:15 `connections` is the number -1; a whole number, not negative, is expected",
        ),
        (
            "[limits.tier.weak]\n",
            "1:14 there is no key `weak` in [limits.tier]; did you mean `week`?",
        ),
        ("[tls]\nkey = \"k\"\n", "1:1 `certificate` is missing in [tls]; [tls] needs both"),
        ("[log]\nlevel = \"loud\"\n", "2:9 `level` is the text \"loud\"; \"error\", \"warn\""),
        (
            "[[peer]]\nidentity = \"xclient\"\n",
            "1:1 `networks` is missing in [peer]; say whose addresses",
        ),
        (
            "[[peer]]\nnetworks = [\"a\"]\nidentity = \"x\"\n",
            "3:12 `identity` is \"x\"; \"xclient\", \"header:NAME\"",
        ),
        (
            "[[listener]]\naddress = \"[::1]:1\"\ntls = \"implicit\"\n",
            "3:7 `tls` needs a certificate; add a section [tls]",
        ),
        (
            "[[listener]]\naddress = \"1:1\"\n",
            "2:11 `address` is the text \"1:1\"; \"address:port\", such as",
        ),
        (
            "[pool.b]\nservers = [\"a\"]\n",
            "2:11 `servers` has \"a\"; a server is written \"host:port\"",
        ),
        (
            "[rules.account_threats]\npoints = 1\n",
            "1:8 `account_threats` is no rule; did you mean `ACCOUNT_THREAT`?",
        ),
        (
            "span = \"3m\"\n",
            "1:1 there is no key `span` at the top of the file; config/postern.toml explains every key",
        ),
        ("[rules.no_such_rule]\npoints = 1\n", "1:8 `no_such_rule` is no rule; "),
        ("[hold]\nspan = \"20m\"\n", "2:8 `span` is longer than `span_max`; choose a shorter one"),
        ("a b\n", "1:3 "),
    ];
    for (text, expect) in rows {
        let found = problems(&format!("{text}{NEEDED}"));
        assert!(found.iter().any(|row| row.starts_with(expect)), "{text}: {found:#?}");
        let others = found.iter().filter(|row| !row.starts_with(expect)).count();
        assert!(others <= 1, "{text}: {found:#?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = "mdoe = \"observe\"\nhandoff = 3\ndrain = \n[queue]\nmax_age = \"1s\"\nx = = 4\n";
    let found = problems(text);
    let lines: Vec<_> = found.iter().map(|row| row.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["1", "2", "3", "5", "6"], "{found:#?}");
    let found = problems("mode = \"enforce\"\n");
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("[[listener]]") && found[1].contains("[pool.main]"), "{found:#?}");
}

#[test]
fn an_error_shows_its_line() {
    let errors = try_load(&format!("{NEEDED}tls = \"maybe\"\n"), Purpose::Serve).unwrap_err();
    let text = errors.to_string();
    let file = errors.problems()[0].file.display();
    let expect = format!(
        "error: `tls` is the text \"maybe\"
 --> {file}:5:7
  |
5 | tls = \"maybe\"
  |       ^^^^^^^
  |
  = help: \"off\", \"opportunistic\" or \"required\" is expected"
    );
    assert_eq!(text, expect);
    assert!(!format!("{errors:#}").contains('\n'));
}

#[test]
fn the_version_follows_content_not_layout() {
    let version = |text: &str| try_load(text, Purpose::Replay).unwrap().version;
    let one = version("mode = \"observe\"\n[queue]\nmax_age = \"1d\"\n");
    assert_eq!(one, version("# x\nmode=\"observe\"\nqueue.max_age = \"1d\"\n"));
    assert_ne!(one, version("mode = \"observe\"\n[queue]\nmax_age = \"2d\"\n"));
    assert_eq!(one.len(), 8);
}

#[test]
fn files_that_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let missing = load(&dir.path().join("none.toml"), Purpose::Serve).unwrap_err();
    assert!(missing.to_string().contains("none.toml: there is no such file; name the config"));
    let path = dir.path().join("latin1.toml");
    std::fs::write(&path, b"mode = \"enforce\"\nhostname = \"gr\xfcn\"\n").unwrap();
    let latin = load(&path, Purpose::Serve).unwrap_err();
    assert!(latin.to_string().contains("latin1.toml:2: this line is not UTF-8"), "{latin}");
}
