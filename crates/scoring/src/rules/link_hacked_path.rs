//! Links into folders of site software where no page for visitors lies.

use super::{ContentRule, Sight, content};

pub(super) const RULE: ContentRule = content(
    "LINK_HACKED_PATH",
    250,
    "A link into a folder of site software that holds no pages (uploads, includes, caches, \
     .well-known): where phishing pages are put on hacked sites.",
    look,
);

const FOLDERS: [&str; 13] = [
    "/wp-content/",
    "/wp-includes/",
    "/wp-admin/css",
    "/wp-admin/js",
    "/.well-known/",
    "/cgi-bin/",
    "/components/com_",
    "/administrator/",
    "/vendor/",
    "/node_modules/",
    "/tmp/",
    "/cache/",
    "/sites/default/files/",
];
/// Files that sites do link to from there.
const FILES: [&str; 12] = [
    ".jpg", ".jpeg", ".png", ".gif", ".webp", ".pdf", ".svg", ".css", ".ics", ".zip", ".mp4",
    ".docx",
];

fn look(sight: &Sight<'_>) -> Option<String> {
    let odd = |path: &str| {
        let path = path.split(['?', '#']).next().unwrap_or_default().to_lowercase();
        FOLDERS.iter().any(|folder| path.contains(folder))
            && !FILES.iter().any(|file| path.ends_with(file))
            && !path.starts_with("/.well-known/change-password")
    };
    let link = sight.reading.links.iter().find(|link| odd(&link.path))?;
    let path: String = link.path.chars().take(40).collect();
    Some(format!("links to {}{path}", link.host))
}
