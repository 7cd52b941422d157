//! TABLE_MAP events to plans, one per table version.
