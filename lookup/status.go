package lookup

import "time"

// A Status says how a source of decisions stands.
type Status struct {
	Synced   time.Time     // when the table last was in step with the source; zero: never
	Stale    time.Duration // age of Synced from which on the source counts as out of step; 0: none
	Failures int           // failed tries since Synced
	Failed   uint64        // failed tries since the source was made
	Err      error         // why the last try failed; nil if it did not
	Held     int           // ranges that it announces and that are not enforced, since they cover too much
	Next     time.Time     // when the next try is due; zero: unknown
}

// Ready reports whether the source was in sync with the table recently enough.
func (s Status) Ready(now time.Time) bool {
	return !s.Synced.IsZero() && (s.Stale <= 0 || now.Sub(s.Synced) < s.Stale)
}
