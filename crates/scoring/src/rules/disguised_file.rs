//! A file whose name says one thing and whose last extension another.

use super::{ContentRule, Sight, content};

pub(super) const RULE: ContentRule = content(
    "DISGUISED_FILE",
    300,
    "An attachment named like a document that ends as a program: invoice.pdf.exe.",
    look,
);

const DOCUMENTS: [&str; 8] =
    [".pdf.", ".doc.", ".docx.", ".xls.", ".xlsx.", ".jpg.", ".txt.", ".zip."];

fn look(sight: &Sight<'_>) -> Option<String> {
    let disguised = |name: &str| {
        super::program_file::is_program(name) && DOCUMENTS.iter().any(|d| name.contains(d))
            || name.contains('\u{202e}')
    };
    let file = sight.reading.files.iter().find(|file| disguised(&file.name))?;
    Some(format!("attachment {:?}", file.name))
}
