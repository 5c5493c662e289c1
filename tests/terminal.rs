//! The screen in a real terminal, as its user has it: tmux, keys typed, the picture read back.
#![cfg(unix)]

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// A tmux server of its own, ended with the test.
struct Terminal(String);

impl Terminal {
    fn open(size: (u16, u16)) -> Self {
        let terminal = Self(format!("pilothouse-test-{}", std::process::id()));
        let program = env!("CARGO_BIN_EXE_pilothouse");
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-s", "t"]).unwrap_or_default();
        terminal.tmux(&["kill-session", "-t", "t"]).unwrap_or_default();
        let (width, height) = (size.0.to_string(), size.1.to_string());
        let line = format!("COLORTERM=truecolor {program} --scenario open; echo LEFT-$?; sleep 60");
        terminal
            .tmux(&["new-session", "-d", "-s", "t", "-x", &width, "-y", &height, &line])
            .expect("tmux starts");
        terminal
    }

    fn tmux(&self, args: &[&str]) -> Option<String> {
        let out = Command::new("tmux").args(["-L", &self.0]).args(args).output().ok()?;
        out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned())
    }

    fn keys(&self, keys: &[&str]) {
        let args = [&["send-keys", "-t", "t"], keys].concat();
        self.tmux(&args).expect("tmux takes keys");
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-t", "t"]).unwrap_or_default()
    }

    /// Waits until the screen shows `text`.
    #[expect(clippy::disallowed_methods, reason = "a real terminal answers in real time")]
    fn wait_for(&self, text: &str) {
        let start = Instant::now();
        while !self.screen().contains(text) {
            assert!(start.elapsed() < Duration::from_secs(30), "no {text:?} on\n{}", self.screen());
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]).unwrap_or_default();
    }
}

#[test]
fn the_station_is_driven_in_tmux() {
    // A person at a terminal could not drive, write an instruction, stop, or leave.
    if std::env::var_os("PILOTHOUSE_SLOW").is_none() {
        return;
    }
    let terminal = Terminal::open((80, 24));
    terminal.wait_for("STANDBY");
    terminal.wait_for("beacon");
    terminal.keys(&["w"]);
    terminal.wait_for("MANUAL");
    terminal.keys(&["i"]);
    terminal.keys(&["C-u"]);
    terminal.keys(&["-l", "find the green target"]);
    terminal.wait_for("green");
    terminal.keys(&["Enter"]);
    terminal.wait_for("find the green target");
    terminal.keys(&["x"]);
    terminal.wait_for("E-STOP");
    terminal.keys(&["u"]);
    terminal.keys(&["?"]);
    terminal.keys(&["?"]);
    terminal.keys(&["C-c"]);
    terminal.wait_for("LEFT-0");
}
