//! The one line-and-dot codec, for what comes in and for what goes out (RFC 5321 §4.5.2).
//!
//! A line ends with CR LF and with nothing else; the content ends with CR LF `.` CR LF and with
//! nothing else. Whoever also takes a bare LF, here or in a second codec somewhere, can be told two
//! messages where the next host sees one. So a bare CR, a bare LF and a NUL are reported as
//! [`Defects`] and read over: the dialogue finds its true end, and the caller refuses the whole.
//!
//! Octets are handed out as slices of the input, never one by one, and however the input is cut,
//! the same octets and the same defects come out.

use memchr::{memchr2, memchr3};

/// What a message's content must not hold unless it is BINARYMIME (RFC 5321 §2.3.8, RFC 2045 §2.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Defects {
    /// A CR that no LF follows.
    pub bare_cr: bool,
    /// An LF that follows no CR.
    pub bare_lf: bool,
    /// A NUL octet.
    pub nul: bool,
}

impl Defects {
    /// Whether there is any.
    pub fn any(self) -> bool {
        self.bare_cr || self.bare_lf || self.nul
    }
}

/// What came of some octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// Content, stuffing removed.
    Data(&'a [u8]),
    /// The end of the content; what follows are commands again.
    End,
    /// All octets are used up.
    More,
}

/// Where the next octet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum At {
    /// First of a line.
    #[default]
    Start,
    /// Within a line.
    Text,
    /// After a CR that is not handed out yet.
    Cr,
    /// After a dot that began a line and is not handed out.
    Dot,
    /// After such a dot and a CR.
    DotCr,
}

/// Reads the content that follows DATA.
#[derive(Debug, Default)]
pub struct Decoder {
    at: At,
    defects: Defects,
}

impl Decoder {
    /// At the start of a content: the CR LF of the DATA command stands before it.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was found so far; complete once `End` was seen.
    pub fn defects(&self) -> Defects {
        self.defects
    }

    /// Takes octets from the front of `input`: how many, and what they were.
    pub fn decode<'a>(&mut self, input: &'a [u8]) -> (usize, Decoded<'a>) {
        let mut i = 0;
        while let Some(&octet) = input.get(i) {
            match (self.at, octet) {
                (At::Start, b'.') => (self.at, i) = (At::Dot, i + 1),
                (At::Dot, b'\r') => (self.at, i) = (At::DotCr, i + 1),
                (At::DotCr, b'\n') => {
                    self.at = At::Start;
                    return (i + 1, Decoded::End);
                }
                (At::Cr, b'\n') => {
                    self.at = At::Start;
                    return (i + 1, Decoded::Data(b"\r\n"));
                }
                (At::Cr | At::DotCr, _) => {
                    self.defects.bare_cr = true;
                    self.at = At::Text;
                    return (i, Decoded::Data(b"\r"));
                }
                (At::Start | At::Text | At::Dot, _) => {
                    let end = self.run(input, i);
                    if end > i {
                        return (end, Decoded::Data(input.get(i..end).unwrap_or_default()));
                    }
                    // Only a CR at the very end: it is kept until its LF comes.
                    i = input.len();
                }
            }
        }
        (i, Decoded::More)
    }

    /// The end of the longest run from `i` that is content as it stands. A CR at the end of the
    /// input is counted as taken (`Cr`): the caller sees an `end` before it and gets it back.
    fn run(&mut self, input: &[u8], mut i: usize) -> usize {
        self.at = At::Text;
        while let Some(n) = memchr3(b'\r', b'\n', 0, input.get(i..).unwrap_or_default()) {
            i += n;
            match (input.get(i), input.get(i + 1)) {
                (Some(b'\r'), Some(b'\n')) => {
                    i += 2;
                    if matches!(input.get(i), None | Some(b'.')) {
                        self.at = At::Start;
                        return i;
                    }
                    continue;
                }
                // Left in the input: decode() meets it again, at the front.
                (Some(b'\r'), None) => return self.keep_cr(i, input),
                (Some(b'\r'), _) => self.defects.bare_cr = true,
                (Some(b'\n'), _) => self.defects.bare_lf = true,
                _ => self.defects.nul = true,
            }
            i += 1;
        }
        input.len()
    }

    /// A run ends before the CR that ends the input. When the CR is all there is, it is taken.
    fn keep_cr(&mut self, i: usize, input: &[u8]) -> usize {
        if input.len() == 1 {
            self.at = At::Cr;
        }
        i
    }
}

/// Watches content that has no dots to remove: BDAT chunks (RFC 3030).
#[derive(Debug, Default)]
pub struct Watcher {
    after_cr: bool,
    defects: Defects,
}

impl Watcher {
    /// At the start of a content.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the next octets.
    pub fn watch(&mut self, input: &[u8]) {
        let Some(&first) = input.first() else { return };
        let mut i = 0;
        if std::mem::take(&mut self.after_cr) {
            match first {
                b'\n' => i = 1,
                _ => self.defects.bare_cr = true,
            }
        }
        while let Some(n) = memchr3(b'\r', b'\n', 0, input.get(i..).unwrap_or_default()) {
            i += n;
            match (input.get(i), input.get(i + 1)) {
                (Some(b'\r'), Some(b'\n')) => i += 1,
                (Some(b'\r'), None) => self.after_cr = true,
                (Some(b'\r'), _) => self.defects.bare_cr = true,
                (Some(b'\n'), _) => self.defects.bare_lf = true,
                _ => self.defects.nul = true,
            }
            i += 1;
        }
    }

    /// What was found so far; a CR at the end may yet get its LF.
    pub fn defects_so_far(&self) -> Defects {
        self.defects
    }

    /// What was found, when nothing follows.
    pub fn defects(&self) -> Defects {
        Defects { bare_cr: self.defects.bare_cr || self.after_cr, ..self.defects }
    }
}

/// Writes content to follow a DATA command.
///
/// Content with [`Defects`] must not be sent this way; `defects` says so before `finish`.
#[derive(Debug, Default)]
pub struct Encoder {
    at: At,
    defects: Defects,
}

impl Encoder {
    /// At the start of a content.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was found so far in what was encoded.
    pub fn defects(&self) -> Defects {
        self.defects
    }

    /// Appends `input` to `out`, dots stuffed.
    pub fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let Some(&first) = input.first() else { return };
        let (mut done, mut i) = (0, 0);
        match (self.at, first) {
            (At::Start, b'.') => out.push(b'.'),
            (At::Cr, b'\n') => {
                out.push(b'\n');
                (done, i) = (1, 1);
                if input.get(1) == Some(&b'.') {
                    out.push(b'.');
                }
            }
            (At::Cr, _) => self.defects.bare_cr = true,
            _ => {}
        }
        let at_start = i == 1 && input.len() == 1;
        self.at = if at_start { At::Start } else { At::Text };
        while let Some(n) = memchr2(b'\r', b'\n', input.get(i..).unwrap_or_default()) {
            i += n;
            match (input.get(i), input.get(i + 1)) {
                (Some(b'\r'), Some(b'\n')) => {
                    i += 2;
                    match input.get(i) {
                        None => self.at = At::Start,
                        Some(b'.') => {
                            out.extend_from_slice(input.get(done..i).unwrap_or_default());
                            out.push(b'.');
                            done = i;
                        }
                        Some(_) => {}
                    }
                    continue;
                }
                (Some(b'\r'), None) => self.at = At::Cr,
                (Some(b'\r'), _) => self.defects.bare_cr = true,
                _ => self.defects.bare_lf = true,
            }
            i += 1;
        }
        out.extend_from_slice(input.get(done..).unwrap_or_default());
    }

    /// Appends the end of data; before it a CR LF when the content lacks one, since the end's own
    /// CR LF is part of the content for the receiver.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        match self.at {
            At::Start => {}
            At::Cr => {
                self.defects.bare_cr = true;
                out.extend_from_slice(b"\r\n");
            }
            _ => out.extend_from_slice(b"\r\n"),
        }
        out.extend_from_slice(b".\r\n");
        self.at = At::Start;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Decodes `input` cut into pieces of the given lengths (repeated); content, end's place, defects.
    fn decode(input: &[u8], cuts: &[usize]) -> (Vec<u8>, Option<usize>, Defects) {
        let (mut decoder, mut out) = (Decoder::new(), Vec::new());
        let (mut from, mut turn) = (0, 0);
        while from < input.len() {
            let length = cuts[turn % cuts.len()].max(1);
            turn += 1;
            let to = input.len().min(from + length);
            while from < to {
                let (used, decoded) = decoder.decode(&input[from..to]);
                from += used;
                match decoded {
                    Decoded::Data(data) => out.extend_from_slice(data),
                    Decoded::End => return (out, Some(from), decoder.defects()),
                    Decoded::More => assert_eq!(from, to),
                }
            }
        }
        (out, None, decoder.defects())
    }

    fn encode(input: &[u8], cut: usize) -> (Vec<u8>, Defects) {
        let (mut encoder, mut out) = (Encoder::new(), Vec::new());
        for piece in input.chunks(cut.max(1)) {
            encoder.encode(piece, &mut out);
        }
        encoder.finish(&mut out);
        (out, encoder.defects())
    }

    const CR: Defects = Defects { bare_cr: true, bare_lf: false, nul: false };
    const LF: Defects = Defects { bare_cr: false, bare_lf: true, nul: false };
    const NUL: Defects = Defects { bare_cr: false, bare_lf: false, nul: true };
    const BOTH: Defects = Defects { bare_cr: true, bare_lf: true, nul: false };
    const NONE: Defects = Defects { bare_cr: false, bare_lf: false, nul: false };

    /// The known variants of an end of data: only the first row's is one.
    #[test]
    fn end_of_data() {
        let rows: &[(&str, &str, bool, Defects)] = &[
            ("a\r\n.\r\n", "a\r\n", true, NONE),
            (".\r\n", "", true, NONE),
            ("a\n.\n", "a\n.\n", false, LF),
            ("a\n.\r\n", "a\n.\r\n", false, LF),
            ("a\r.\r", "a\r.", false, CR),
            ("a\r.\r\n", "a\r.\r\n", false, CR),
            ("a\r\n.\n", "a\r\n\n", false, LF),
            ("a\r\n.\rb", "a\r\n\rb", false, CR),
            ("a\r\n.\r\r\n", "a\r\n\r\r\n", false, CR),
            ("a\r\r\n.\r\n", "a\r\r\n", true, CR),
            ("a\r\n\0.\r\n", "a\r\n\0.\r\n", false, NUL),
            ("a\r\n.\0\r\n", "a\r\n\0\r\n", false, NUL),
            ("a\r\n. \r\n", "a\r\n \r\n", false, NONE),
            ("a\r\n .\r\n", "a\r\n .\r\n", false, NONE),
            ("a\r\n..\r\n.\r\n", "a\r\n.\r\n", true, NONE),
            ("a\n\r.\n\r\n.\r\n", "a\n\r.\n\r\n", true, BOTH),
            (".\n.\r\n.\r\n", "\n.\r\n", true, LF),
            ("\r\n.\r\nNOOP\r\n", "\r\n", true, NONE),
        ];
        for (input, content, ends, defects) in rows {
            for cut in 1..=input.len() {
                let (out, end, found) = decode(input.as_bytes(), &[cut]);
                let label = format!("{input:?} cut {cut}");
                assert_eq!(String::from_utf8_lossy(&out), *content, "{label}");
                assert_eq!(end.is_some(), *ends, "{label}");
                assert_eq!(found, *defects, "{label}");
            }
        }
    }

    #[test]
    fn encoder_rows() {
        let rows: &[(&str, &str)] = &[
            ("", ".\r\n"),
            ("a", "a\r\n.\r\n"),
            (".a\r\n", "..a\r\n.\r\n"),
            ("\r\n.\r\n", "\r\n..\r\n.\r\n"),
            ("..\r\n", "...\r\n.\r\n"),
        ];
        for (input, output) in rows {
            for cut in 1..=input.len().max(1) {
                let (out, defects) = encode(input.as_bytes(), cut);
                assert_eq!(String::from_utf8_lossy(&out), *output, "{input:?} cut {cut}");
                assert!(!defects.any());
            }
        }
        assert_eq!(encode(b"a\rb\r\n", 1).1, CR);
        assert_eq!(encode(b"a\nb\r\n", 2).1, LF);
        assert_eq!(encode(b"a\r", 1).1, CR);
    }

    /// Octets of which dots, CR and LF are frequent.
    fn octets() -> impl Strategy<Value = Vec<u8>> {
        let octet = prop_oneof![Just(b'.'), Just(b'\r'), Just(b'\n'), Just(0), Just(b'a')];
        proptest::collection::vec(octet, 0..60)
    }

    fn lines() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec("[.a]{0,6}\r\n", 0..12).prop_map(|l| l.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(input in octets(), cuts in proptest::collection::vec(1usize..5, 1..6)) {
            let whole = decode(&input, &[usize::MAX >> 1]);
            prop_assert_eq!(&decode(&input, &cuts), &whole);
            prop_assert_eq!(encode(&input, cuts[0]), encode(&input, usize::MAX >> 1));
            let (mut cut, mut uncut) = (Watcher::new(), Watcher::new());
            input.chunks(cuts[0]).for_each(|piece| cut.watch(piece));
            uncut.watch(&input);
            prop_assert_eq!(cut.defects(), uncut.defects());
        }

        #[test]
        fn what_is_encoded_is_decoded(input in lines(), cut in 1usize..9) {
            let (wire, defects) = encode(&input, cut);
            prop_assert!(!defects.any());
            let (out, end, defects) = decode(&wire, &[cut]);
            prop_assert_eq!(out, input);
            prop_assert_eq!(end, Some(wire.len()));
            prop_assert!(!defects.any());
        }
    }
}
