//! What is observed on an ipcon bus: sources, one model, one field table.
