// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which share of the lines was run: by file, by package and in all.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

/// All packages that were measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    packages: Vec<Package>,
    #[serde(flatten)]
    total: Share,
}

#[derive(Debug, Serialize)]
struct Package {
    name: String,
    /// Percent of lines below which the check fails.
    floor: Option<f64>,
    #[serde(flatten)]
    total: Share,
    files: Vec<File>,
}

#[derive(Debug, Serialize)]
struct File {
    file: String,
    #[serde(flatten)]
    share: Share,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Share {
    lines: u64,
    covered: u64,
    percent: f64,
}

impl Share {
    fn new(lines: u64, covered: u64) -> Self {
        let percent = if lines == 0 {
            100.0
        } else {
            covered as f64 * 100.0 / lines as f64
        };
        Self {
            lines,
            covered,
            // Two digits: what comes after them says nothing, and no two runs would agree on it.
            percent: (percent * 100.0).floor() / 100.0,
        }
    }

    fn sum(of: impl Iterator<Item = Share>) -> Self {
        let (lines, covered) = of.fold((0, 0), |(lines, covered), share| {
            (lines + share.lines, covered + share.covered)
        });
        Self::new(lines, covered)
    }
}

/// What `llvm-cov export --summary-only` prints, as far as it is used here.
#[derive(Deserialize)]
struct Export {
    data: Vec<Data>,
}

#[derive(Deserialize)]
struct Data {
    files: Vec<Exported>,
}

#[derive(Deserialize)]
struct Exported {
    filename: String,
    summary: Summary,
}

#[derive(Deserialize)]
struct Summary {
    lines: Lines,
}

#[derive(Deserialize)]
struct Lines {
    count: u64,
    covered: u64,
}

impl Report {
    /// The files of each package (name, folder of its sources, floor), tests left out.
    pub(super) fn from_export(
        export: &str,
        root: &Path,
        packages: &[(&str, &str, Option<f64>)],
    ) -> anyhow::Result<Self> {
        let export: Export =
            serde_json::from_str(export).context("reading what llvm-cov counted")?;
        let exported: Vec<&Exported> = export.data.iter().flat_map(|data| &data.files).collect();
        let packages = packages.iter().map(|(name, folder, floor)| {
            let files: Vec<File> = exported
                .iter()
                .filter_map(|exported| {
                    let path = Path::new(&exported.filename).strip_prefix(root).ok()?;
                    let inside = path.strip_prefix(folder).ok()?;
                    let is_test = inside.components().any(|part| part.as_os_str() == "tests");
                    let Lines { count, covered } = exported.summary.lines;
                    (!is_test).then(|| File {
                        file: path.display().to_string(),
                        share: Share::new(count, covered),
                    })
                })
                .collect();
            if files.is_empty() {
                bail!("llvm-cov counted no line of {folder}");
            }
            Ok(Package {
                name: (*name).to_owned(),
                floor: *floor,
                total: Share::sum(files.iter().map(|file| file.share)),
                files,
            })
        });
        let packages = packages.collect::<anyhow::Result<Vec<_>>>()?;
        let total = Share::sum(packages.iter().map(|package| package.total));
        Ok(Self { packages, total })
    }

    /// A line for each file, each package and the whole.
    pub(super) fn table(&self) -> String {
        let names = self.packages.iter().flat_map(|package| &package.files);
        let width = names.map(|file| file.file.len()).max().unwrap_or(0);
        let mut text = format!("{:width$}  lines  missed  covered\n", "file");
        let mut row = |name: &str, share: Share, floor: Option<f64>| {
            let missed = share.lines - share.covered;
            let Share { lines, percent, .. } = share;
            let floor = floor.map_or(String::new(), |floor| format!("  (at least {floor} %)"));
            let _ = writeln!(
                text,
                "{name:width$}  {lines:5}  {missed:6}  {percent:6.2} %{floor}"
            );
        };
        for package in &self.packages {
            for file in &package.files {
                row(&file.file, file.share, None);
            }
            row(&package.name, package.total, package.floor);
        }
        row("all", self.total, None);
        text
    }

    /// The same for programs.
    pub(super) fn json(&self) -> anyhow::Result<String> {
        serde_json::to_string(self).context("writing JSON")
    }

    /// Fails when a package is below its floor.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        for Package {
            name, floor, total, ..
        } in &self.packages
        {
            if let Some(floor) = floor
                && total.percent < *floor
            {
                bail!(
                    "the tests run {:.2} % of the lines of {name}, and {floor} % is the least: test \
                     what is new (`cargo xtask coverage --html DIR` shows the lines missed)",
                    total.percent
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPORT: &str = r#"{"data":[{"files":[
        {"filename":"/w/core/src/a.rs","summary":{"lines":{"count":200,"covered":199,"percent":99.5}}},
        {"filename":"/w/core/src/b.rs","summary":{"lines":{"count":100,"covered":98,"percent":98}}},
        {"filename":"/w/core/src/tests/c.rs","summary":{"lines":{"count":9,"covered":0,"percent":0}}},
        {"filename":"/elsewhere/core/src/a.rs","summary":{"lines":{"count":9,"covered":0,"percent":0}}}
    ],"totals":{}}],"type":"llvm.coverage.json.export","version":"3.0.1"}"#;

    fn report(floor: f64) -> Report {
        Report::from_export(
            EXPORT,
            Path::new("/w"),
            &[("core", "core/src/", Some(floor))],
        )
        .expect("the export is whole")
    }

    #[test]
    fn tests_and_foreign_files_do_not_count() {
        assert_eq!(
            report(99.0).json().expect("numbers and names are JSON"),
            r#"{"packages":[{"name":"core","floor":99.0,"lines":300,"covered":297,"percent":99.0,"files":[{"file":"core/src/a.rs","lines":200,"covered":199,"percent":99.5},{"file":"core/src/b.rs","lines":100,"covered":98,"percent":98.0}]}],"lines":300,"covered":297,"percent":99.0}"#
        );
    }

    #[test]
    fn table_has_files_packages_and_all() {
        let table = report(99.0).table();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 5, "{table}");
        assert_eq!(
            lines[3],
            "core             300       3   99.00 %  (at least 99 %)"
        );
    }

    #[test]
    fn below_the_floor_is_a_failure() {
        assert!(report(99.0).check().is_ok());
        assert!(report(99.01).check().is_err());
    }

    #[test]
    fn a_package_of_which_nothing_was_counted_is_an_error() {
        let other = [("other", "other/src/", None)];
        assert!(Report::from_export(EXPORT, Path::new("/w"), &other).is_err());
    }
}
