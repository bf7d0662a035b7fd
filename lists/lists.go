// Package lists reads lists of addresses. It keeps a [lookup.Table] in sync with
// blocklists, in files or at URLs, and an [AllowList] in sync with lists of clients
// that are never stopped.
//
// # Format
//
// A list is text, plain or compressed with gzip, with an entry on each line, or a JSON
// array of entries. An entry is an IP address or a range, IPv4 or IPv6:
//
//	192.0.2.1                     an address
//	192.0.2.1:443  [2001:db8::1]  an address with a port or in brackets
//	192.0.2.0/24                  a range
//	192.0.2.0/255.255.255.0       a range with a netmask, or with a blank before that
//	192.0.2.1-192.0.2.9           all addresses from one to the other, or with blanks around the dash
//	{"cidr": "192.0.2.0/24"}      an object with one of ip, address, prefix and cidr
//
// A # or a ; starts a comment. The text after the first field is a comment too, unless
// it is an address. Commas separate entries; after the first entry they may also
// separate remarks. That covers plain lists, CSV with the address first, FireHOL's
// .netset and .ipset files, and Spamhaus's DROP as text and as JSON lines. A line in
// none of these forms is skipped and reported with its number.
//
// # Refused entries
//
// A line is refused if it covers all addresses, or so many that a cut-off "/24" is
// likelier than intent. Private, loopback, link-local, multicast and reserved ranges,
// and ranges that overlap them, are refused unless the config accepts them: some
// public lists contain them and would lock operators out of their own network. Ranges
// for documentation are accepted, because no client comes from them, and examples and
// tests need them.
//
// A list is refused as a whole if it is binary data (such as a zip archive), an HTML
// page, a broken JSON array, too large, or inflates to far more than lists do. An
// allow list is refused as a whole for one bad line, too.
//
// # Failure
//
// The last good copy stays in force, for as long as Duration says: while the list is
// unreachable, too large, an HTML page or without a valid entry, and until it has been
// read to its end. A list that has lost more than half of its entries counts as broken
// at first and is accepted only after a while: see [FileConfig] and [URLConfig].
package lists

import "fmt"

// maxReported is how many bad lines are kept and logged.
const maxReported = 5

// Stats are the counts of the list in force. The zero Stats means that no list has been
// applied yet.
type Stats struct {
	Lines   int       // lines read, or elements of a JSON array
	Entries int       // addresses and ranges, including repeated ones
	Skipped int       // bad lines
	Held    int       // ranges not in force, because the list would cover too much: see FileConfig.Coverage
	Bad     []BadLine // the first few of them
}

// report records a bad line.
func (s *Stats) report(line BadLine) {
	s.Skipped++
	if len(s.Bad) < maxReported {
		s.Bad = append(s.Bad, line)
	}
}

// A BadLine is a line that is neither an entry nor a comment.
type BadLine struct {
	Number  int   // of the line, from 1
	Element bool  // it is an element of a JSON array, not a line
	Err     error // the error, which quotes the line safely
}

func (b BadLine) unit() string {
	if b.Element {
		return "element"
	}
	return "line"
}

// String returns the number and the error, such as
//
//	line 3: "203.0.113.300": not an IP address or CIDR range
func (b BadLine) String() string {
	return fmt.Sprintf("%s %d: %v", b.unit(), b.Number, b.Err)
}
