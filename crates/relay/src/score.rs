//! `postern score`: content alone. Messages from files, mbox files and folders; JSON Lines out.

use std::fs;
use std::io::{self, BufRead, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use postern_config::Purpose;
use postern_mail::{Envelope, Hit, Points};
use postern_scoring::{Settings, content_hits, content_probability, examine};
use serde::Serialize;

#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    message: usize,
    points: f64,
    probability: f64,
    rules: Vec<Hit>,
}

/// Scores all messages of the files; `-` reads paths from standard input, one a line.
pub fn score(config: Option<&Path>, files: &[PathBuf]) -> anyhow::Result<()> {
    let settings = match config {
        Some(path) => postern_config::load(path, Purpose::Replay)?.scoring,
        None => Settings::default(),
    };
    let mut out = BufWriter::new(io::stdout().lock());
    for file in files {
        if file == Path::new("-") {
            for line in io::stdin().lock().lines() {
                let line = line.context("standard input")?;
                if !line.is_empty() {
                    path(Path::new(&line), &settings, &mut out)?;
                }
            }
        } else {
            path(file, &settings, &mut out)?;
        }
    }
    out.flush().context("standard output")
}

/// A message, an mbox, or all files of a folder in order of their names.
fn path(path: &Path, settings: &Settings, out: &mut impl Write) -> anyhow::Result<()> {
    let place = || {
        format!(
            "{}: cannot be read; wanted is a message, an mbox or a folder of messages",
            path.display()
        )
    };
    let about = fs::metadata(path).with_context(place)?;
    if about.is_dir() {
        let mut all = Vec::new();
        for entry in fs::read_dir(path).with_context(place)? {
            all.push(entry.with_context(place)?.path());
        }
        all.sort();
        for entry in all {
            self::path(&entry, settings, out)?;
        }
        return Ok(());
    }
    let octets = fs::read(path).with_context(place)?;
    let name = path.to_string_lossy();
    let messages = if octets.starts_with(b"From ") { split_mbox(&octets) } else { vec![octets] };
    if messages.is_empty() {
        bail!("{name}: holds no message");
    }
    for (n, message) in messages.iter().enumerate() {
        line(&name, n, message, settings, out).context("standard output")?;
    }
    Ok(())
}

fn line(
    path: &str,
    message: usize,
    octets: &[u8],
    settings: &Settings,
    out: &mut impl Write,
) -> io::Result<()> {
    let facts = examine(octets, octets.len() as u64, &Envelope::default(), settings);
    let rules = content_hits(&facts, settings);
    let points: Points = rules.iter().map(|hit| hit.points).sum();
    let probability = content_probability(points);
    let line = Line { path, message, points: points.into(), probability, rules };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}

/// Messages of an mbox (RFC 4155), without their `From ` lines; `>From ` loses one bracket, as in
/// the mboxrd kind, which is what most programs write.
fn split_mbox(octets: &[u8]) -> Vec<Vec<u8>> {
    let mut messages: Vec<Vec<u8>> = Vec::new();
    let mut after_blank = true;
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        if after_blank && line.starts_with(b"From ") {
            messages.push(Vec::new());
            after_blank = false;
            continue;
        }
        after_blank = matches!(line, b"\n" | b"\r\n");
        let Some(message) = messages.last_mut() else { continue };
        let brackets = line.iter().take_while(|octet| **octet == b'>').count();
        let quoted = brackets > 0 && line[brackets..].starts_with(b"From ");
        message.extend_from_slice(if quoted { &line[1..] } else { line });
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mboxes_are_split_at_from_lines_after_blank_ones() {
        let mbox = b"From a@b Mon\nSubject: 1\n\nhello\nFrom here on\n>From quoted\n\nFrom c@d Tue\nSubject: 2\n\nbye\n";
        let messages = split_mbox(mbox);
        let text: Vec<_> = messages.iter().map(|m| String::from_utf8_lossy(m)).collect();
        assert_eq!(
            text,
            ["Subject: 1\n\nhello\nFrom here on\nFrom quoted\n\n", "Subject: 2\n\nbye\n"]
        );
    }

    #[test]
    fn more_points_are_a_higher_probability() {
        let settings = Settings::default();
        let mut out = Vec::new();
        let spam = b"From: DHL <a@gmail.com>\nSubject: x\n\nIhr Paket konnte nicht zugestellt werden: https://a.top/wp-content/x/\n";
        line("a", 0, spam, &settings, &mut out).unwrap();
        line("b", 3, b"From: a@b.example\nSubject: x\n\nHello\n", &settings, &mut out).unwrap();
        let rows: Vec<serde_json::Value> =
            serde_json::Deserializer::from_slice(&out).into_iter().map(Result::unwrap).collect();
        assert!(rows[0]["probability"].as_f64() > rows[1]["probability"].as_f64());
        assert_eq!(rows[1]["message"], 3);
        assert!(!rows[0]["rules"].as_array().unwrap().is_empty());
    }
}
