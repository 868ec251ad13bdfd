//! Whether a script lies where site software keeps no programs that mail.

/// The folder that is odd, where there is one.
pub(crate) fn odd_folder(path: &str) -> Option<&str> {
    let (folders, file) = path.rsplit_once('/')?;
    if file.starts_with('.') {
        return Some(file);
    }
    folders.split('/').find(|folder| {
        let lower = folder.to_ascii_lowercase();
        FOLDERS.contains(&lower.as_str()) || lower.len() > 1 && lower.starts_with('.')
    })
}

/// Folders of uploads, looks and passing things. Compiled templates lie in caches too, so that one
/// alone never decides, like all rules.
const FOLDERS: [&str; 24] = [
    "uploads", "upload", "cache", "tmp", "temp", "images", "image", "img", "fonts", "font", "css",
    "js", "assets", "media", "pics", "photos", "sess", "sessions", "logs", "log", "backup",
    "backups", "old", "upgrade",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders() {
        let rows = [
            ("/srv/www/k1/htdocs/wp-content/uploads/2024/02/a.php", Some("uploads")),
            ("/srv/www/k1/htdocs/wp-includes/fonts/.cache/m.php", Some("fonts")),
            ("/srv/www/k1/htdocs/.x/m.php", Some(".x")),
            ("/srv/www/k1/htdocs/.hidden.php", Some(".hidden.php")),
            ("a.example/public_html/images/next.php", Some("images")),
            ("/srv/www/k1/htdocs/wp-includes/PHPMailer/PHPMailer.php", None),
            ("/srv/www/k1/htdocs/vendor/symfony/mailer/Transport/SendmailTransport.php", None),
            ("kontakt.php", None),
        ];
        for (path, expect) in rows {
            assert_eq!(odd_folder(path), expect, "{path}");
        }
    }
}
