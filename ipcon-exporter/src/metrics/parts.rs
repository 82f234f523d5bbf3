// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which parts of the page a request wants, as it says in its query: `collect[]=dumps`, `exclude[]=process`.

use super::{Collect, bus, channels, kevents, probes, process};

/// What is told of each source. How the exporter itself is doing is on every page.
const PARTS: &[(&str, Collect)] = &[
    ("dumps", bus::collect),
    ("kevents", kevents::collect),
    ("probes", probes::collect),
    ("channels", channels::collect),
    ("process", process::collect),
];

/// A set of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Parts(u32);

impl Parts {
    /// The whole page.
    pub const ALL: Self = Self((1 << PARTS.len()) - 1);

    /// Only how the exporter itself is doing.
    pub const NONE: Self = Self(0);

    /// The part with this name, which is that of its source.
    pub fn named(name: &str) -> Option<Self> {
        bit(name).ok().map(Self)
    }

    /// Reads the query of a request. Without a word about parts it wants all.
    ///
    /// # Errors
    ///
    /// It names a part that does not exist, or both wants parts and does not want parts.
    pub fn from_query(query: &str) -> Result<Self, String> {
        let (mut wanted, mut unwanted) = (0, 0);
        for (key, name) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "collect[]" => wanted |= bit(&name)?,
                "exclude[]" => unwanted |= bit(&name)?,
                // As elsewhere, what is not understood is for somebody else.
                _ => {}
            }
        }
        match (wanted, unwanted) {
            (0, _) => Ok(Self(Self::ALL.0 & !unwanted)),
            (_, 0) => Ok(Self(wanted)),
            _ => Err("give either collect[] or exclude[], not both".to_owned()),
        }
    }

    pub(super) fn collectors(self) -> impl Iterator<Item = Collect> {
        let parts = PARTS.iter().enumerate();
        parts
            .filter_map(move |(index, (_, collect))| (self.0 >> index & 1 == 1).then_some(*collect))
    }
}

fn bit(name: &str) -> Result<u32, String> {
    let index = PARTS.iter().position(|(known, _)| *known == name);
    index.map(|index| 1 << index).ok_or_else(|| {
        let known: Vec<_> = PARTS.iter().map(|(name, _)| *name).collect();
        format!("there is no part {name:?}; there are {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(query: &str) -> Result<Vec<&'static str>, String> {
        let parts = Parts::from_query(query)?;
        let known = PARTS.iter().enumerate();
        Ok(known
            .filter(|(index, _)| parts.0 >> index & 1 == 1)
            .map(|(_, (name, _))| *name)
            .collect())
    }

    #[test]
    fn queries() {
        let all = ["dumps", "kevents", "probes", "channels", "process"];
        assert_eq!(names("").unwrap(), all);
        assert_eq!(names("foo=bar").unwrap(), all);
        assert_eq!(names("collect[]=dumps").unwrap(), ["dumps"]);
        assert_eq!(
            names("collect%5B%5D=dumps&collect[]=process").unwrap(),
            ["dumps", "process"]
        );
        assert_eq!(names("exclude[]=dumps").unwrap(), all[1..]);
        assert!(names("collect[]=dumps&exclude[]=probes").is_err());
        let message = names("collect[]=dump").unwrap_err();
        assert!(message.contains("dumps, kevents, probes"), "{message}");
    }
}
