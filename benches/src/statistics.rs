//! Medians and ranges.

use std::fmt;

/// The value below which `share` of all values lie; 0 without values.
pub fn percentile(values: &mut [u64], share: f64) -> u64 {
    values.sort_unstable();
    let at = (values.len() as f64 * share) as usize;
    values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// Median, lowest and highest of some runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The middle one.
    pub median: f64,
    lowest: f64,
    highest: f64,
}

impl Spread {
    /// Of these values; zeros without any.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |n: usize| values.get(n).copied().unwrap_or_default();
        let last = values.len().saturating_sub(1);
        let median = f64::midpoint(at(last / 2), at(last.div_ceil(2)));
        Self { median, lowest: at(0), highest: at(last) }
    }
}

impl fmt::Display for Spread {
    /// `12.3 (11.0–14.1)`; whole numbers from a hundred on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = |v: f64| if v >= 100.0 { format!("{v:.0}") } else { format!("{v:.1}") };
        write!(f, "{} ({}–{})", n(self.median), n(self.lowest), n(self.highest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 200.0]).to_string(), "3.0 (1.0–200)");
        assert_eq!(Spread::of(vec![3.0, 1.0]).median, 2.0);
        assert_eq!(Spread::of(vec![]).median, 0.0);
        let mut values: Vec<u64> = (1..=100).rev().collect();
        assert_eq!((percentile(&mut values, 0.5), percentile(&mut values, 0.99)), (51, 100));
        assert_eq!(percentile(&mut [], 0.5), 0);
    }
}
