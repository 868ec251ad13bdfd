//! Fuzz functions, `fn fuzz_x(&[u8])`, and their replay on stable: over the dialogues of
//! `tests/dialogs`, over `tests/fuzz/`, and over mutations of both from a fixed seed.
//! `FUZZ_ROUNDS=1000000` runs longer; a failing input is printed, and belongs into `tests/fuzz/`.

#[path = "targets/functions.rs"]
mod targets;

use std::path::Path;

/// A name and its function.
type Target = (&'static str, fn(&[u8]));

/// All of them.
const TARGETS: &[Target] = &[
    ("server", targets::fuzz_server),
    ("command", targets::fuzz_command),
    ("codec", targets::fuzz_codec),
    ("proxy", targets::fuzz_proxy),
    ("reply", targets::fuzz_reply),
    ("client", targets::fuzz_client),
    ("scram", targets::fuzz_scram),
];

#[test]
fn corpus_and_its_mutations() {
    let rounds = std::env::var("FUZZ_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(3000);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut corpus = Vec::new();
    for dir in ["../../tests/dialogs", "tests/fuzz"] {
        for entry in std::fs::read_dir(here.join(dir)).unwrap() {
            let octets = std::fs::read(entry.unwrap().path()).unwrap();
            corpus.extend(said(&octets));
            corpus.push(octets);
        }
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (name, target) in TARGETS {
        corpus.iter().for_each(|input| attempt(name, *target, input));
        for _ in 0..rounds {
            attempt(name, *target, &random.mutation(&corpus));
        }
    }
}

fn attempt(name: &str, target: fn(&[u8]), input: &[u8]) {
    if let Err(panic) = std::panic::catch_unwind(|| target(input)) {
        eprintln!("fuzz_{name} fails with b\"{}\"", input.escape_ascii());
        std::panic::resume_unwind(panic);
    }
}

/// What the client and the server say in a dialogue, each as one input.
fn said(dialogue: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(dialogue);
    let of = |mark: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix(mark));
        let lines = lines.map(|line| line.replace("\\r", "\r").replace("\\n", "\n") + "\r\n");
        ["\x0b\x07".to_owned(), lines.collect()].concat().into_bytes()
    };
    vec![of("C: "), of("S: ")]
}

/// xorshift64*: the same mutations on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n.max(1)
    }

    /// Some input with octets changed, dropped, doubled, or joined with another input.
    fn mutation(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(6) {
            let at = self.below(input.len());
            let to = input.len().min(at + self.below(40));
            match self.below(5) {
                0 if !input.is_empty() => input[at] = self.below(256) as u8,
                1 => drop(input.drain(at..to)),
                2 => {
                    let piece = input[at..to].to_vec();
                    input.splice(at..at, piece);
                }
                3 => {
                    let word = WORDS[self.below(WORDS.len())];
                    input.splice(at..at, word.iter().copied());
                }
                _ => {
                    let other = &corpus[self.below(corpus.len())];
                    let from = self.below(other.len());
                    input.truncate(at);
                    input.extend_from_slice(&other[from..]);
                }
            }
        }
        input.truncate(8192);
        input
    }
}

const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\r",
    b"\n",
    b"\0",
    b".\r\n",
    b"\r\n.\r\n",
    b"\n.\n",
    b"DATA\r\n",
    b"BDAT 3\r\n",
    b"BDAT 9 LAST\r\n",
    b"RSET\r\n",
    b"MAIL FROM:<a@b.test> BODY=BINARYMIME\r\n",
    b"EHLO a\r\n",
    b"RCPT TO:<c@d.test>\r\n",
    b"250 ",
    b"250-",
    b"354 go\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    b"\r\n\r\n\0\r\nQUIT\n",
    b"AUTH LOGIN\r\n",
    b"AUTH SCRAM-SHA-256 biwsbj11LHI9Y2Nj\r\n",
    b"n,,n=u,r=c\0",
    b"c=biws,r=cours,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\0",
    b",a=",
    b"XCLIENT ADDR=1.2.3.4\r\n",
    b"+0A",
    b"=",
    b"<",
    b">",
];
