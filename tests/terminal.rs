//! The screen in a real terminal, as its user has it: tmux, keys typed, the picture read back.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may panic; clippy exempts only #[test] functions")]

#[path = "episodes/sample.rs"]
mod sample;

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// A tmux server of its own, ended with the test.
struct Terminal(String);

impl Terminal {
    /// Runs the program with `args`; `name` tells the server from those of other tests.
    fn open(name: &str, size: (u16, u16), args: &str) -> Self {
        let terminal = Self(format!("pilothouse-{name}-{}", std::process::id()));
        let program = env!("CARGO_BIN_EXE_pilothouse");
        let (width, height) = (size.0.to_string(), size.1.to_string());
        let line = format!("COLORTERM=truecolor {program} {args}; echo LEFT-$?; sleep 60");
        terminal
            .tmux(&[
                "-f",
                "/dev/null",
                "new-session",
                "-d",
                "-s",
                "t",
                "-x",
                &width,
                "-y",
                &height,
                &line,
            ])
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

    /// Longer than what counts as a key's auto-repeat.
    #[expect(clippy::disallowed_methods, reason = "a real terminal answers in real time")]
    fn pause(&self) {
        assert!(!self.screen().is_empty());
        thread::sleep(Duration::from_secs(1));
    }

    /// Hands off, then the engage key; again where a late picture on a busy machine refused it.
    fn engage(&self) {
        for _ in 0..10 {
            self.pause();
            self.keys(&["Enter"]);
            self.pause();
            if self.screen().contains("the policy drives") {
                return;
            }
        }
        panic!("engaging is refused:\n{}", self.screen());
    }

    /// Waits until the robot that the policy drives has come to rest in front of the cup: the base
    /// reports it in the gauges' row of what was sent.
    #[expect(clippy::disallowed_methods, reason = "a real terminal answers in real time")]
    fn wait_for_standing(&self) {
        let start = Instant::now();
        let mut still = 0;
        while still < 20 {
            assert!(start.elapsed() < Duration::from_mins(1), "moves on:\n{}", self.screen());
            let row = self.screen().lines().find(|line| line.contains("m/s")).map(str::to_owned);
            let is_still = row.is_some_and(|row| row.contains(" 0.00 m/s"));
            still = if is_still { still + 1 } else { 0 };
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
    // Broken: a person at a terminal could not drive, engage, take over, arrive, stop or leave.
    if std::env::var_os("PILOTHOUSE_SLOW").is_none() {
        return;
    }
    let camera = "--set camera.width=320 --set camera.height=240";
    let terminal = Terminal::open("station", (80, 24), camera);
    terminal.wait_for("nobody drives");
    terminal.wait_for("pilot");
    terminal.keys(&["w"]);
    terminal.wait_for("you drive");
    terminal.keys(&["i"]);
    terminal.wait_for("Instruction");
    terminal.keys(&["Escape"]);
    terminal.wait_for("enter engages the policy");
    terminal.engage();
    terminal.keys(&["a"]);
    terminal.wait_for("you drive, autonomy waits");
    terminal.engage();
    terminal.wait_for_standing();
    terminal.keys(&["x"]);
    terminal.wait_for("the base confirms");
    terminal.keys(&["u"]);
    terminal.pause();
    terminal.keys(&["u"]);
    terminal.wait_for("nobody drives");
    terminal.keys(&["C-c"]);
    terminal.wait_for("LEFT-0");
}

#[test]
fn a_recorded_drive_is_watched_in_tmux() {
    // Broken: a person could not see what was recorded, find a moment in it, or get out again.
    if std::env::var_os("PILOTHOUSE_SLOW").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("drives");
    sample::make(&root);
    let args = format!("episodes show 1 --dataset {}", root.display());
    let terminal = Terminal::open("player", (80, 24), &args);
    terminal.wait_for("REPLAY  episode 1 of drives");
    terminal.wait_for("0:01.9 of 0:02.0  row 19");
    terminal.keys(&["Home"]);
    terminal.wait_for("row  0");
    terminal.keys(&["."]);
    terminal.wait_for("row  1");
    terminal.keys(&["Right"]);
    terminal.wait_for("row 11");
    terminal.keys(&["PageUp", "+", "+"]);
    terminal.wait_for("row  0  4x");
    terminal.keys(&["p"]);
    terminal.wait_for("episode 0 of drives");
    terminal.wait_for("find the red target");
    terminal.keys(&["q"]);
    terminal.wait_for("LEFT-0");
}
