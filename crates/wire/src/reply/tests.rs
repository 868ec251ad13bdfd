use proptest::prelude::*;

use super::*;

/// All replies of `input`, fed in pieces that end at `cuts`.
fn read(input: &[u8], cuts: &[usize]) -> (Vec<String>, Option<Malformed>) {
    let mut parser = Parser::new();
    let mut replies = Vec::new();
    let mut from = 0;
    for end in cuts.iter().copied().chain([input.len()]).filter(|end| *end <= input.len()) {
        while from < end {
            let (used, got) = parser.feed(&input[from..end]);
            from += used;
            match got {
                Ok(Some(_)) => replies.push(parser.reply().to_string()),
                Ok(None) => assert_eq!(from, end, "without a reply all is taken"),
                Err(malformed) => return (replies, Some(malformed)),
            }
        }
    }
    (replies, None)
}

#[test]
fn replies() {
    let long = format!("250 {}\r\n", "x".repeat(LINE_OCTETS_MAX));
    let many = "220-x\r\n".repeat(LINES_MAX + 1);
    let fat = format!("250-{}\r\n", "x".repeat(2000)).repeat(30);
    let rows: &[(&str, &[&str], Option<Malformed>)] = &[
        ("250 ok\r\n", &["250 ok"], None),
        ("250 2.1.0 ok\r\n", &["250 2.1.0 ok"], None),
        ("250-2.0.0 one\r\n250 2.0.0 two\r\n", &["250 2.0.0 one two"], None),
        ("250\r\n354\n", &["250 ", "354 "], None),
        ("250 lf only\n", &["250 lf only"], None),
        ("250-half\r\n", &[], None),
        ("550 5.1.1\r\n", &["550 5.1.1 "], None),
        ("550 2.1.1 other class\r\n", &["550 2.1.1 other class"], None),
        ("550 5.1.1.1 no code\r\n", &["550 5.1.1.1 no code"], None),
        ("250 a\u{1b}[2J\rb\0\r\n", &["250 a?[2J?b?"], None),
        ("250 ok\r\n450 4.2.0 no\r\n2", &["250 ok", "450 4.2.0 no"], None),
        ("250-a\r\n251 b\r\n", &[], Some(Malformed::MixedCodes)),
        ("HTTP/1.1 400 Bad Request\r\n", &[], Some(Malformed::NoCode)),
        ("100 x\r\n", &[], Some(Malformed::NoCode)),
        ("600 x\r\n", &[], Some(Malformed::NoCode)),
        ("2500 x\r\n", &[], Some(Malformed::NoCode)),
        ("250\rx\r\n", &[], Some(Malformed::NoCode)),
        ("\r\n", &[], Some(Malformed::NoCode)),
        ("\0\u{ff} not a reply\r\n", &[], Some(Malformed::NoCode)),
        (&long, &[], Some(Malformed::LongLine)),
        (&many, &[], Some(Malformed::TooMuch)),
        (&fat, &[], Some(Malformed::TooMuch)),
    ];
    for (input, expect, malformed) in rows {
        let shown = &input[..input.len().min(60)];
        assert_eq!(read(input.as_bytes(), &[]), (owned(expect), *malformed), "{shown:?}");
        let each: Vec<usize> = (1..input.len()).collect();
        assert_eq!(read(input.as_bytes(), &each), (owned(expect), *malformed), "{shown:?} split");
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Feeds a parser anything; it must come to an end within its limits.
fn fuzz_replies(input: &[u8]) {
    let mut parser = Parser::new();
    let mut from = 0;
    while from < input.len() {
        let (used, got) = parser.feed(&input[from..]);
        from += used;
        assert!(parser.held.len() <= REPLY_OCTETS_MAX);
        match got {
            Ok(Some(code)) => {
                let mut wire = Vec::new();
                parser.reply().write(&mut wire);
                assert!((200..600).contains(&code));
                assert!(wire.iter().all(|octet| *octet >= b' ' || matches!(octet, b'\r' | b'\n')));
            }
            Ok(None) => assert_eq!(from, input.len()),
            Err(_) => return,
        }
    }
}

proptest! {
    #[test]
    fn pieces_do_not_matter(
        lines in prop::collection::vec("(2[0-5]0|354|4[0-9]{2}|550)[- ]?[ -~\\x00\\x1b\\r]{0,40}\r?\n", 0..8),
        mut cuts in prop::collection::vec(0usize..300, 0..12),
    ) {
        let input = lines.concat();
        cuts.sort_unstable();
        prop_assert_eq!(read(input.as_bytes(), &cuts), read(input.as_bytes(), &[]));
    }

    #[test]
    fn anything_is_survived(input in prop::collection::vec(any::<u8>(), 0..400)) {
        fuzz_replies(&input);
        let mut coded = b"250-".to_vec();
        coded.extend_from_slice(&input);
        fuzz_replies(&coded);
    }
}
