// Package lists answers: what do plain-text blocklists say? It keeps a
// [lookup.Table] in step with them, be they files or behind a URL.
//
// # What a list looks like
//
// One IP address or CIDR range to a line, IPv4 or IPv6. What follows a # or a
// ; is a comment, and so is what follows the first field, unless it is an
// address too. That covers plain lists, FireHOL's .netset and .ipset files and
// Spamhaus's DROP in its text form; DROP as JSON lines is understood as well.
// A line that is none of these is skipped and reported with its number.
//
// # What is refused
//
// Every line that covers all addresses, or so many that a cut-off "/24" is
// likelier than intent. Unless asked for: private, loopback, link-local,
// multicast and reserved ranges and whatever overlaps them, since some public
// lists carry them and would lock an operator out of his own network. The
// ranges set aside for documentation are let through. No client ever comes
// from them, and examples and tests need them.
//
// # What happens on failure
//
// The last good copy stays in force, for as long as Duration says: while a list
// is out of reach, oversized, an HTML page or without a single entry among its
// lines, and until it has been read to its end. A list that has lost more than
// half of its entries is taken for a broken one and believed only after a
// while: see [FileConfig] and [URLConfig].
package lists

import "fmt"

// maxReported is how many bad lines are kept word by word. More would let a
// broken list fill the log.
const maxReported = 5

// Stats says what the list held when it was last read to its end and put into
// force. The zero Stats means that this has not happened yet.
type Stats struct {
	Lines   int       // lines read, the last one with or without a line end
	Entries int       // lines with an address or range that was taken, repeated ones included
	Skipped int       // bad lines
	Held    int       // ranges not in force, since with them the list would cover too much: see FileConfig.Coverage
	Bad     []BadLine // the first few of them
}

// report notes that line number n is bad.
func (s *Stats) report(n int, err error) {
	s.Skipped++
	if len(s.Bad) < maxReported {
		s.Bad = append(s.Bad, BadLine{Number: n, Err: err})
	}
}

// A BadLine is a line that is neither an entry nor a comment.
type BadLine struct {
	Number int   // of the line, from 1
	Err    error // what is wrong with it; quotes what stands there, safe to print
}

// String returns the number and the fault, such as
//
//	line 3: "203.0.113.300": no IP address or CIDR range
func (b BadLine) String() string {
	return fmt.Sprintf("line %d: %v", b.Number, b.Err)
}
