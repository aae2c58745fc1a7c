//! The state machines: functions from events to actions.
