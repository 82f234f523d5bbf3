// SPDX-License-Identifier: MIT OR Apache-2.0
//! `docs/exporter.md`: its tables are made from what they tell of, and its files are used.

use std::fs;
use std::path::Path;

use ipcon_observe::linter::Rule;

use crate::certificates::Authority;
use crate::golden::families;
use crate::mixin::alerts;
use crate::program::{Folder, promtool, run};

fn page() -> String {
    fs::read_to_string(path()).unwrap()
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/exporter.md")
}

/// What the page has between two marks, which `UPDATE_GOLDEN=1` writes.
fn check_table(name: &str, table: &str) {
    let text = page();
    let (before, rest) = text.split_once(&format!("<!-- {name}: ")).unwrap();
    let (mark, rest) = rest.split_once('\n').unwrap();
    let (found, after) = rest.split_once(&format!("<!-- end of {name} -->")).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let new = format!("{before}<!-- {name}: {mark}\n{table}<!-- end of {name} -->{after}");
        fs::write(path(), new).unwrap();
    } else {
        assert_eq!(
            found, table,
            "run UPDATE_GOLDEN=1 cargo test -p ipcon-exporter"
        );
    }
}

#[test]
fn the_tables_tell_of_what_there_is() {
    let mut table = String::from("| metric | type | labels | meaning |\n|---|---|---|---|\n");
    for (name, family) in families() {
        let labels = family.labels.iter().filter(|label| *label != "le");
        let labels: Vec<_> = labels.map(|label| format!("`{label}`")).collect();
        table += &format!(
            "| `{name}` | {} | {} | {} |\n",
            family.kind,
            labels.join(", "),
            family.help
        );
    }
    check_table("metrics", &table);

    let mut table = String::from("| alert | severity | says |\n|---|---|---|\n");
    for alert in alerts() {
        let said = alert.annotations["summary"]
            .replace("{{ $labels.", "*")
            .replace(" }}", "*");
        table += &format!(
            "| `{}` | {} | {said} |\n",
            alert.alert, alert.labels["severity"]
        );
    }
    check_table("alerts", &table);
}

#[test]
fn every_alert_and_every_warning_is_held_against_the_other() {
    let text = page();
    let (_, rest) = text.split_once("| agree in |\n|---|---|---|\n").unwrap();
    let (table, _) = rest.split_once("\n\n").unwrap();
    let column = |number: usize| {
        let cells = table
            .lines()
            .map(|line| line.split('|').nth(number).unwrap());
        let mut names: Vec<_> = cells
            .flat_map(|cell| cell.split('`').skip(1).step_by(2))
            .collect();
        names.sort_unstable();
        names
    };
    let alerts = alerts();
    let mut alerts: Vec<_> = alerts.iter().map(|alert| alert.alert.as_str()).collect();
    alerts.sort_unstable();
    assert_eq!(column(1), alerts);
    let mut rules: Vec<_> = Rule::ALL.iter().map(|rule| rule.key()).collect();
    rules.sort_unstable();
    assert_eq!(column(2), rules);
}

/// The first block of a language that has this in it.
fn block(language: &str, with: &str) -> String {
    let text = page();
    let begin = format!("```{language}\n");
    let blocks = text.split(&begin).skip(1);
    let mut blocks = blocks.map(|rest| rest.split_once("```").unwrap().0.to_owned());
    blocks.find(|block| block.contains(with)).unwrap()
}

#[test]
fn its_web_configuration_is_good() {
    let folder = Folder::new("documentation");
    let authority = Authority::new();
    let identity = authority.sign(&["localhost"]);
    identity.write(&folder.file("server.pem"), &folder.file("server.key"));
    fs::write(folder.file("clients.pem"), authority.pem()).unwrap();
    let file = folder.file("web.yml");
    fs::write(&file, block("yaml", "tls_server_config")).unwrap();
    let option = format!("--web.config.file={}", file.display());
    // Whether there is a bus does not matter here.
    let output = run(&["--check", "--no-probes", "--no-kevents", &option]);
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        report.contains("web.yml: good, for https"),
        "{report}{output:?}"
    );
}

#[test]
fn its_scrape_configuration_is_good() {
    let folder = Folder::new("scrape");
    let file = folder.file("prometheus.yml");
    fs::write(&file, block("yaml", "scrape_configs")).unwrap();
    if let Some(mut promtool) = promtool() {
        let judged = promtool
            .args(["check", "config"])
            .arg(&file)
            .output()
            .unwrap();
        assert!(
            judged.status.success(),
            "{}",
            String::from_utf8_lossy(&judged.stderr)
        );
    }
}
