//! Operator input: terminal keys, gamepad, script. Pure state machines over events and time.
