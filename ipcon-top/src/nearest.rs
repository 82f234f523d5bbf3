// SPDX-License-Identifier: MIT OR Apache-2.0
//! What somebody may have meant by a word that is none.

/// Most characters of a word that may be a slip. Comparing takes as long as the lengths of both multiplied.
const LENGTH_MAX: usize = 64;

/// The name that looks most like `word`, if one looks like it at all.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |name: &str| strsim::damerau_levenshtein(word, name);
    let length = word.chars().count();
    if length > LENGTH_MAX {
        return None;
    }
    let most = length.div_ceil(3).max(1);
    let near = names.into_iter().map(|name| (likeness(name), name));
    let best = near.min_by_key(|(distance, _)| *distance)?;
    (best.0 <= most).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood_and_nonsense_is_not() {
        let names = ["interval", "theme", "color"];
        assert_eq!(nearest("themes", names), Some("theme"));
        assert_eq!(nearest("itnerval", names), Some("interval"));
        assert_eq!(nearest("colour", names), Some("color"));
        assert_eq!(nearest("x", names), None);
        assert_eq!(nearest("theme", []), None);
        let long = "theme".repeat(100_000);
        assert_eq!(nearest(&long, [&*long]), None, "not even compared");
    }
}
