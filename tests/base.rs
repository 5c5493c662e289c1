//! Every `Base` over every kind of line, against the simulated firmware: one contract, then what
//! each must survive.
#![expect(clippy::unwrap_used, reason = "a test may panic; clippy exempts only #[test] functions")]

#[path = "base/contract.rs"]
mod contract;
#[path = "base/lines.rs"]
mod lines;
#[path = "base/ports.rs"]
mod ports;
#[path = "base/rig.rs"]
mod rig;
#[path = "base/station.rs"]
mod station;
