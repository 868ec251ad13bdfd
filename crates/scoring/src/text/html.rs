//! HTML as a reader sees it: text, what is hidden, links.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};

use super::{Link, Reading};

/// Appends the visible text to `out`; links, hidden text and password fields go into `reading`.
pub(super) fn read(html: &str, out: &mut String, reading: &mut Reading, links_max: usize) {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut hidden: Vec<Vec<u8>> = Vec::new();
    let mut skipped = 0_usize;
    let mut anchor: Option<(String, usize)> = None;
    for token in Tokenizer::new_with_emitter(html, emitter).flatten() {
        match token {
            Token::StartTag(tag) => {
                let name = tag.name.as_slice();
                if matches!(name, b"style" | b"script" | b"title") && !tag.self_closing {
                    skipped += 1;
                }
                if !hidden.is_empty() || hides(&tag) {
                    if !VOID.contains(&name) && !tag.self_closing && hidden.len() < DEPTH_MAX {
                        hidden.push(name.to_vec());
                    }
                } else if BLOCKS.contains(&name) {
                    break_line(out);
                }
                if name == b"input" && attribute(&tag, b"type").eq_ignore_ascii_case("password") {
                    reading.asks_password = true;
                }
                if name == b"a" || name == b"area" || name == b"form" {
                    let key: &[u8] = if name == b"form" { b"action" } else { b"href" };
                    anchor = Some((attribute(&tag, key), out.len()));
                }
            }
            Token::EndTag(tag) => {
                let name = tag.name.as_slice();
                if matches!(name, b"style" | b"script" | b"title") {
                    skipped = skipped.saturating_sub(1);
                }
                if let Some(at) = hidden.iter().rposition(|open| open == name) {
                    hidden.truncate(at);
                }
                if BLOCKS.contains(&name) {
                    break_line(out);
                }
                if matches!(name, b"a" | b"form")
                    && let Some((href, from)) = anchor.take()
                    && reading.links.len() < links_max
                    && let Some(link) = Link::parse(&href, out.get(from..).unwrap_or_default())
                {
                    reading.links.push(link);
                }
            }
            Token::String(text) if skipped > 0 => drop(text),
            Token::String(text) if !hidden.is_empty() => reading.hidden_octets += text.value.len(),
            Token::String(text) => words(&String::from_utf8_lossy(&text.value), out),
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    if let Some((href, from)) = anchor
        && reading.links.len() < links_max
    {
        reading.links.extend(Link::parse(&href, out.get(from..).unwrap_or_default()));
    }
    break_line(out);
}

/// Elements that hold nothing, so that nothing is hidden in them (HTML §13.1.2).
const VOID: [&[u8]; 8] = [b"br", b"img", b"hr", b"input", b"meta", b"link", b"area", b"col"];
/// Elements around which a reader sees a line break.
const BLOCKS: [&[u8]; 12] =
    [b"p", b"br", b"div", b"tr", b"li", b"h1", b"h2", b"h3", b"table", b"ul", b"td", b"blockquote"];
/// Deeper nesting of hidden elements is not followed; they stay hidden until the outer one ends.
const DEPTH_MAX: usize = 64;

/// Appends text with white space folded, as HTML shows it.
fn words(text: &str, out: &mut String) {
    if text.starts_with(char::is_whitespace) && !out.ends_with(char::is_whitespace) {
        out.push(' ');
    }
    for word in text.split_whitespace() {
        if !out.is_empty() && !out.ends_with(char::is_whitespace) && !text.starts_with(word) {
            out.push(' ');
        }
        out.push_str(word);
    }
    if text.ends_with(char::is_whitespace) && !out.ends_with(char::is_whitespace) {
        out.push(' ');
    }
}

fn break_line(out: &mut String) {
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
}

fn attribute(tag: &StartTag<()>, name: &[u8]) -> String {
    let value = tag.attributes.get(name).map(|v| v.value.as_slice()).unwrap_or_default();
    String::from_utf8_lossy(value).into_owned()
}

/// Styles by which text is there for filters and not for readers.
fn hides(tag: &StartTag<()>) -> bool {
    if tag.attributes.contains_key(b"hidden".as_slice()) {
        return true;
    }
    let style: String = attribute(tag, b"style")
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_ascii_lowercase())
        .collect();
    ["display:none", "visibility:hidden", "font-size:0", "opacity:0;", "color:transparent"]
        .iter()
        .any(|sign| style.contains(sign))
        || style.ends_with("opacity:0")
}
