//! Real devices in a virtual machine: minutes, so only with `make test SLOW=1`.
#![cfg(target_os = "linux")]

use std::process::Command;

#[test]
fn a_real_camera_is_survived() {
    // Broken: a camera that is unplugged, stalls, is taken or breaks would take the picture away
    // for good; or a format would show wrong, or the wrong camera would open.
    if std::env::var_os("PILOTHOUSE_SLOW").is_none() {
        return;
    }
    let run = Command::new("tests/vm/run")
        .arg("tests/vm/camera.sh")
        .env("PILOTHOUSE", env!("CARGO_BIN_EXE_pilothouse"))
        .output()
        .expect("tests/vm/run starts");
    let told = String::from_utf8_lossy(&run.stdout);
    let complaints = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{told}\n{complaints}");
}
