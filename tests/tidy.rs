//! The rules of the house that no compiler checks, held against every source file.
#![expect(clippy::unwrap_used, reason = "a test may panic; clippy exempts only #[test] functions")]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 500;
const COLUMNS_MAX: usize = 100;

/// Words that do not belong into this code, and what to do instead.
const FORBIDDEN: &[(&str, &str)] = &[
    ("todo!", "finish it"),
    ("unimplemented!", "finish it"),
    ("TODO", "do it, or file an issue"),
    ("FIXME", "fix it, or file an issue"),
    ("#[ignore", "a test runs, or is no test"),
    ("#[allow(", "#[expect(…, reason = …)]"),
    ("#![allow(", "#[expect(…, reason = …)]"),
];

/// Names that say nothing: of types, by their ends, and of modules.
const VAGUE_TYPES: &[&str] = &["Manager", "Helper", "Handler"];
const VAGUE_MODULES: &[&str] = &["utils", "util", "helpers", "common", "misc"];

/// What only `runtime` and the verbs may do, tests aside.
const LIVING: &[&str] = &[
    "Instant::now",
    "SystemTime::now",
    "UtcDateTime::now",
    "thread::sleep",
    "thread::spawn",
    "thread::Builder",
    "tokio::spawn",
    "tokio::time",
    "runtime::spawn",
];

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(i, line)| (i + 1, line))
    }

    fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path.display())
    }

    /// `camera` for `src/camera.rs` and everything under `src/camera/`.
    fn module(&self) -> Option<String> {
        let inside = self.path.strip_prefix("src").ok()?;
        let first = Path::new(inside.components().next()?.as_os_str());
        let name = first.file_stem()?.to_str()?.to_owned();
        (name != "lib" && name != "main").then_some(name)
    }

    /// Its code without comment lines, up to its tests.
    fn code(&self) -> String {
        if self.path.file_stem().is_some_and(|stem| stem == "tests") {
            return String::new();
        }
        let until = self.text.find("#[cfg(test)]\nmod ").unwrap_or(self.text.len());
        let code = self.text[..until].lines().filter(|line| !line.trim_start().starts_with("//"));
        code.collect::<Vec<_>>().join("\n")
    }
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for root in ["src", "tests", "benches", "examples"] {
        collect(Path::new(root), &mut found);
    }
    assert!(found.iter().any(|source| source.path == Path::new("src/lib.rs")));
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push(Source { path, text });
        }
    }
}

fn holds(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

/// The module table of `src/lib.rs`: the modules each may use, or `all`.
fn table() -> HashMap<String, Vec<String>> {
    let text = fs::read_to_string("src/lib.rs").unwrap();
    let rows = text.lines().filter(|line| line.starts_with("//! |") && line.contains("[`"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let module = cells[2].trim_matches(['[', ']', '`']).to_owned();
        let may_use = cells[4].split(", ").filter(|cell| *cell != "–").map(str::to_owned);
        (module, may_use.collect())
    })
    .collect()
}

/// First names of all `crate::…` paths, groups included.
fn modules_used(code: &str) -> Vec<String> {
    let mut used = Vec::new();
    for (start, _) in code.match_indices("crate::") {
        let rest = &code[start + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            used.push(first_name(rest));
            continue;
        };
        let mut depth = 0;
        let mut is_first = true;
        for (i, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => is_first = true,
                c if is_first && !c.is_whitespace() => {
                    used.push(first_name(&group[i..]));
                    is_first = false;
                }
                _ => {}
            }
        }
    }
    used
}

fn first_name(path: &str) -> String {
    path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn modules_use_only_what_their_row_names() {
    // The map in lib.rs would lie, and the gate could be reached around.
    let table = table();
    let mut violations = Vec::new();
    for source in sources() {
        let Some(module) = source.module() else { continue };
        let Some(may_use) = table.get(&module) else {
            violations.push(source.at(1, "its module is not in the table of src/lib.rs"));
            continue;
        };
        for used in modules_used(&source.code()) {
            let fits = used == module
                || used == "msg"
                || may_use.iter().any(|name| *name == used || name == "all");
            if table.contains_key(&used) && !fits {
                violations.push(source.at(1, &format!("{module} must not use {used}")));
            }
        }
    }
    holds(&violations);
}

#[test]
fn no_module_needs_itself_through_others() {
    // Two modules that need each other are one module, and nobody can read them one by one.
    let mut table = table();
    table.retain(|_, may_use| may_use.iter().all(|name| name != "all"));
    loop {
        let n_left = table.len();
        let left: Vec<_> = table.keys().cloned().collect();
        table.retain(|_, may_use| may_use.iter().any(|used| left.contains(used)));
        if table.len() == n_left {
            break;
        }
    }
    assert!(table.is_empty(), "each needs another of these: {:?}", table.keys());
}

#[test]
fn the_edge_check_sees_grouped_paths() {
    // A grouped import would slip through the check above.
    let code = "use crate::{base::{self, x::Y}, sim::World};\nlet a = crate::tui::draw();";
    assert_eq!(modules_used(code), ["base", "sim", "tui"]);
    assert!(table()["runtime"].contains(&"control".to_owned()));
}

#[test]
fn files_and_lines_fit_a_screen() {
    // Code that nobody can overlook is code that nobody reads.
    let mut violations = Vec::new();
    for source in sources() {
        let n_lines = source.text.lines().count();
        if n_lines > LINES_MAX {
            violations.push(source.at(n_lines, "over 500 lines: split it"));
        }
        let mut in_drawing = false;
        for (i, line) in source.lines() {
            let comment = line.trim_start().trim_start_matches(['/', '!']).trim_start();
            in_drawing ^= comment.starts_with("```");
            // Tables and text that would only read worse if it were broken.
            let is_whole = comment.starts_with(['|', '"']);
            if line.chars().count() > COLUMNS_MAX && !is_whole && !in_drawing {
                violations.push(source.at(i, "over 100 columns"));
            }
        }
    }
    holds(&violations);
}

#[test]
fn forbidden_words_are_absent() {
    // Unfinished, muted or vaguely named code would pass as done.
    let mut violations = Vec::new();
    for source in sources() {
        if source.path == Path::new("tests/tidy.rs") {
            continue;
        }
        for (i, line) in source.lines() {
            for (word, instead) in FORBIDDEN {
                if line.contains(word) {
                    violations.push(source.at(i, &format!("{word}: {instead}")));
                }
            }
        }
    }
    holds(&violations);
}

#[test]
fn names_say_something() {
    // Whatever fits nowhere would be put into them, until nobody knows what they are.
    let mut violations = Vec::new();
    for source in sources() {
        for (i, line) in source.lines() {
            let mut words = line.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            let kind = words.find(|word| ["struct", "enum", "trait", "type", "mod"].contains(word));
            let Some(name) = kind.and_then(|_| words.next()) else { continue };
            let is_comment = line.trim_start().starts_with("//");
            let is_vague =
                VAGUE_MODULES.contains(&name) || VAGUE_TYPES.iter().any(|end| name.ends_with(end));
            if is_vague && !is_comment {
                violations.push(source.at(i, &format!("{name}: name what it does")));
            }
        }
    }
    holds(&violations);
}

#[test]
fn only_the_runtime_and_verbs_live() {
    // A module with a clock or a thread of its own cannot be tested in simulated time.
    let mut violations = Vec::new();
    for source in sources() {
        let Some(module) = source.module() else { continue };
        if module == "runtime" || module == "cli" {
            continue;
        }
        for word in LIVING.iter().filter(|word| source.code().contains(**word)) {
            violations.push(source.at(1, &format!("{word} belongs into runtime")));
        }
    }
    holds(&violations);
}

#[test]
fn every_test_says_what_would_be_broken() {
    // A red test would tell its reader that something is wrong, not what.
    let mut violations = Vec::new();
    for source in sources() {
        let lines: Vec<_> = source.lines().collect();
        for (at, (i, line)) in lines.iter().enumerate() {
            let line = line.trim();
            if line != "#[test]" && !line.starts_with("#[tokio::test") {
                continue;
            }
            let body = lines[at..].iter().position(|(_, line)| line.ends_with('{'));
            let first = body.and_then(|open| lines.get(at + open + 1)).map(|(_, line)| line.trim());
            if !first.is_some_and(|first| first.starts_with("//")) {
                violations
                    .push(source.at(*i, "a test's first line, a comment, says why it is there"));
            }
        }
    }
    holds(&violations);
}
