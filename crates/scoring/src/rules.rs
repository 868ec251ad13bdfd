//! The rules, in one visible list.

use postern_mail::Points;

/// A rule's points when the settings do not name it.
pub(crate) fn default_points(_id: &str) -> Points {
    Points::default()
}
