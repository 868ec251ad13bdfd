//! All that is wrong with a file, at once, each with its place and what to do about it.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands.
    pub file: PathBuf,
    /// Line, from 1; 0: the file as a whole.
    pub line: usize,
    /// Column in characters, from 1; 0: the line as a whole.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
    /// The line itself and the part of it that is meant, where it may be shown.
    excerpt: Option<(String, Range<usize>)>,
}

impl Problem {
    /// About a file as a whole.
    pub(crate) fn file(file: &Path, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::line(file, 0, what, remedy)
    }

    /// About a line; it is not shown, since it may hold what a log should not.
    pub(crate) fn line(
        file: &Path,
        line: usize,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            file: file.to_owned(),
            line,
            column: 0,
            what: what.into(),
            remedy: remedy.into(),
            excerpt: None,
        }
    }

    /// About the octets `span` of `text`, whose line is shown.
    pub(crate) fn span(
        file: &Path,
        text: &str,
        span: Range<usize>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let start = text.floor_char_boundary(span.start.min(text.len()));
        let before = text.get(..start).unwrap_or_default();
        let from = before.rfind('\n').map_or(0, |at| at + 1);
        let to = text[from..].find('\n').map_or(text.len(), |at| from + at);
        let line = text[from..to].trim_end_matches('\r');
        let end = line.floor_char_boundary(span.end.saturating_sub(from).min(line.len()));
        let begin = (start - from).min(line.len());
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: text[from..start].chars().count() + 1,
            what: what.into(),
            remedy: remedy.into(),
            excerpt: Some((line.to_owned(), begin..end.max(begin))),
        }
    }

    /// `FILE:LINE:COLUMN`, as far as it is known.
    pub fn place(&self) -> String {
        let file = self.file.display();
        match (self.line, self.column) {
            (0, _) => file.to_string(),
            (line, 0) => format!("{file}:{line}"),
            (line, column) => format!("{file}:{line}:{column}"),
        }
    }

    /// As the Rust compiler shows its errors: title, place, line, arrow, help.
    fn render(&self, line: &str, span: Range<usize>) -> String {
        let file = self.file.display().to_string();
        let snippet = Snippet::source(line)
            .path(file.as_str())
            .line_start(self.line)
            .annotation(AnnotationKind::Primary.span(span));
        let mut group = Level::ERROR.primary_title(self.what.as_str()).element(snippet);
        if !self.remedy.is_empty() {
            group = group.element(Level::HELP.message(self.remedy.as_str()));
        }
        Renderer::plain().render(&[group])
    }
}

/// `{}` shows the line where that helps; `{:#}` is one line: place, what, remedy.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.excerpt {
            Some((line, span)) if !f.alternate() => f.write_str(&self.render(line, span.clone())),
            _ if self.remedy.is_empty() => write!(f, "{}: {}", self.place(), self.what),
            _ => write!(f, "{}: {}; {}", self.place(), self.what, self.remedy),
        }
    }
}

/// All that is wrong; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors {
    problems: Vec<Problem>,
    /// How many more there are than are kept.
    more: usize,
}

/// More than this nobody reads; the rest is counted.
pub(crate) const SHOWN_MAX: usize = 50;

impl Errors {
    /// Of all that was found, in any order; `Err` when there is something.
    pub(crate) fn none_in(mut problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort_by(|a, b| {
            (&a.file, a.line, a.column, &a.what).cmp(&(&b.file, b.line, b.column, &b.what))
        });
        problems.dedup();
        let more = problems.len().saturating_sub(SHOWN_MAX);
        problems.truncate(SHOWN_MAX);
        Err(Self { problems, more })
    }

    /// The first ones, by file and line.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// To be told together with others.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.problems.len() + self.more
    }
}

/// `{}`: all of them for people; `{:#}`: the first one and the number of others, on one line.
impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            let first = self.problems.first().map_or_else(String::new, |p| format!("{p:#}"));
            return match self.count() {
                1 => write!(f, "{first}"),
                n => write!(f, "{first} (and {} more; `postern check` shows all)", n - 1),
            };
        }
        for (i, problem) in self.problems.iter().enumerate() {
            let gap = if i > 0 { "\n" } else { "" };
            write!(f, "{gap}{problem}")?;
            if problem.excerpt.is_some() && i + 1 < self.problems.len() {
                writeln!(f)?;
            }
        }
        if self.more > 0 {
            write!(f, "\n… and {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

impl From<Problem> for Errors {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem], more: 0 }
    }
}
