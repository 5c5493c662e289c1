//! Pilothouse: a terminal control station for a mobile robot.
//!
//! It shows the robot's camera, runs a vision-language-action policy locally, sends velocity
//! commands to the base and lets the operator take over at any moment.
//!
//! # One frame to one command
//!
//! ```text
//! camera thread         policy thread                        control thread, 50 Hz                          robot
//! Camera::grab ─▶[frame]─▶ preprocess ▶ Policy::infer ─▶[chunk]─▶ control::step ▶ safety::Gate ▶ Base::send ─▶ line ─▶
//!                                                                     ▲                │
//! terminal / gamepad ▶ teleop ─────────────────────────▶[operator]────┘                ├─▶ Tick ─▶ Snapshot ─▶ screen
//!                                                                                      └─▶ Tick, frames ─▶ record ─▶ recordings/
//! [x] = one-slot mailbox, newest wins
//! ```
//!
//! # Modules
//!
//! Each module may use [`msg`] and what its row names, nothing else; `tests/tidy.rs` holds the
//! table to it.
//!
//! | level | module | what it is | may use |
//! |---|---|---|---|
//! | 0 | [`msg`] | plain data that crosses a border | – |
//! | 1 | [`safety`] | the gate: limits, freshness, e-stop; the only maker of `SafeTwist` (pure) | – |
//! | 1 | [`control`] | supervisor: modes, arbitration, chunk playback, preflight (pure) | – |
//! | 2 | [`camera`] | trait `Camera`: USB, video file, image folder, test pattern | dataset |
//! | 2 | [`base`] | trait `Base`: the native protocol without I/O, lines, ports | safety |
//! | 2 | [`teleop`] | operator input: terminal keys, gamepad, script | – |
//! | 2 | [`onnx`] | ONNX as data, graph builder, the ONNX Runtime library and its sessions | – |
//! | 2 | [`policy`] | manifest, preprocessing, tokenizer, chunks, confidence | onnx |
//! | 2 | [`dataset`] | episodes: crash-safe journal, LeRobot v3 reader and writer, video, import and export | – |
//! | 3 | [`sim`] | the simulated robot and world, scenarios, expert, renderer | camera, base |
//! | 3 | [`runtime`] | threads, mailboxes, the clock, latency histograms | camera, base, teleop, policy, dataset, control, safety |
//! | 3 | [`eval`] | offline metrics, counterfactuals, closed loop, leaderboard | policy, dataset, control, safety, sim, runtime |
//! | 4 | [`train`] | objectives, optimiser, examples, calibration | onnx, policy, dataset, sim, eval |
//! | 4 | [`tui`] | events in, picture out | – |
//! | 5 | [`config`] | typed configuration | all |
//! | 5 | [`cli`] | one file per verb | all |
//!
//! # Invariants
//!
//! - `Base::send` takes only a [`safety::SafeTwist`]: code that skips the gate does not compile.
//!   `Base::stop` is ungated.
//! - `safety` and `control` do not know each other, allocate nothing, cannot fail, and get the time
//!   as an argument.
//! - Only `runtime` spawns threads, sleeps or reads a clock.
//! - The simulator's true state reaches no one who drives: `policy`, `control`, `runtime` and `tui`
//!   never import `sim`.
//! - `tui` and `runtime` meet only in `cli::drive`, through [`msg`].
//! - Nothing ever substitutes made-up motion: a policy that fails stops the robot.

pub mod base;
pub mod camera;
pub mod cli;
pub mod config;
pub mod control;
pub mod dataset;
pub mod eval;
pub mod msg;
pub mod onnx;
pub mod policy;
pub mod runtime;
pub mod safety;
pub mod sim;
pub mod teleop;
pub mod train;
pub mod tui;
