package lapi

// Counts returns totals since the start: pulls, failed pulls, kinds of rows (see
// [Rows]), decisions that deltas missed (see [Stats]), and accepted and failed usage
// reports.
func (c *Client) Counts() map[string]uint64 {
	s := c.Stats()
	all := s.Rows.counts()
	s.Usage.counts(all)
	all["questions"], all["questions_failed"], all["decisions_missed"] = s.Pulls, s.Failures, s.Missed
	return all
}

// Counts returns totals since the start: questions, failed and skipped questions,
// lookups that Failure answered, kinds of rows (see [Rows]), the counts of the cache
// (see [lookup.CacheStats]), and accepted and failed usage reports.
func (l *Live) Counts() map[string]uint64 {
	s := l.Stats()
	all := s.Rows.counts()
	s.Usage.counts(all)
	all["questions"], all["questions_failed"], all["questions_paused"] = s.Questions, s.Failures, s.Paused
	all["lookups_unanswered"], all["lookups_cached"] = s.Unanswered, s.Cache.Hits
	all["lookups_busy"], all["lookups_crowded"] = s.Cache.Busy, s.Cache.Crowded
	return all
}

func (r *Rows) counts() map[string]uint64 {
	return map[string]uint64{
		"rows": r.Read, "rows_other_scope": r.OtherScope, "rows_unknown_type": r.UnknownType, "rows_let_in": r.LetIn,
		"rows_too_wide": r.TooWide, "rows_malformed": r.Malformed, "rows_simulated": r.Simulated,
		"rows_filtered": r.Filtered, "rows_allowlisted": r.Allowed,
	}
}

func (u *Usage) counts(to map[string]uint64) {
	to["usage_reports"], to["usage_failed"] = u.Reports, u.Failures
}
