//! Sessions, sequence points, the tracker and the task managers.
