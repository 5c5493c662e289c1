//! How good a policy is, examined so that the numbers cannot flatter it.
//!
//! [`closed_loop`] lets it drive simulated robots through the very code that drives real ones;
//! [`offline`] holds its answers on recorded episodes against the operator's; [`leaderboard`] puts
//! the policies of a folder in order.
//!
//! Deliberately absent: clocks, and a way around the supervisor and the gate. From `runtime` it
//! takes only what is pure: the control turn and the policy's cadence.

pub mod calibration;
pub mod closed_loop;
pub mod leaderboard;
pub mod offline;
mod pool;
pub mod scores;
pub mod statistics;
